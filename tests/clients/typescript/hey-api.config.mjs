// What people set who want times as times, for each of the documents.
export default ["capykeys", "internal"].map((document) => ({
  input: `${process.env.OPENAPI}/${document}.json`,
  output: { path: `generated/hey-api/${document}`, module: { extension: ".js" } },
  plugins: [
    "@hey-api/client-fetch",
    "@hey-api/typescript",
    { name: "@hey-api/transformers", dates: true },
    { name: "@hey-api/sdk", transformer: true },
  ],
}));
