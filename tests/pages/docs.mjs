// The documentation, by keyboard alone.

import assert from "node:assert/strict";
import { focused, open, press, SCHEMES, tabTo, text, WIDTHS } from "./browser.mjs";
import { judgeLook, judgeTrace } from "./judge.mjs";

const load = (page, base) => page.goto(`${base}/docs`, { waitUntil: "networkidle0" });

/// Everything of the document is there, and an operation is tried out.
export async function flows(browser, service, { organization, made }) {
  const opened = await open(browser, service.base);
  const { page } = opened;
  await load(page, service.base);
  const document = await (await fetch(`${service.base}/v1/openapi.json`)).json();
  const shown = await page.$eval("main", (main) => main.textContent);
  for (const [path, item] of Object.entries(document.paths)) {
    for (const operation of Object.values(item)) {
      assert.ok(shown.includes(path) && shown.includes(operation.summary), operation.operationId);
      assert.ok(await page.$(`nav a[href='#${operation.operationId}']`), operation.operationId);
      for (const { name } of operation.parameters ?? []) assert.ok(shown.includes(name), name);
    }
  }
  for (const [name, schema] of Object.entries(document.components.schemas)) {
    const section = await page.$eval(`[aria-labelledby='schema-${name}']`, (one) => one.textContent);
    for (const property of Object.keys(schema.properties ?? {})) assert.ok(section.includes(property), property);
    for (const value of schema.enum ?? []) assert.ok(section.includes(value), value);
  }
  const broken = await page.$$eval("main a, nav a", (links) =>
    links.map((link) => link.getAttribute("href")).filter((to) => to.startsWith("#") && !document.getElementById(to.slice(1))),
  );
  assert.deepEqual(broken, [], "links that lead nowhere");

  // From the first Tab to an answer.
  await press(page, "Tab");
  assert.equal(await focused(page), "Skip to the operations");
  await press(page, "Enter");
  await tabTo(page, "#key");
  await press(page, service.firstKey, "Tab");
  await text(page, "#caller", /^A key of /);
  await tabTo(page, "[aria-labelledby='listApiKeys'] .trial > summary", 200);
  await press(page, "Enter");
  await tabTo(page, "#listApiKeys-limit");
  assert.equal(await page.$eval("#listApiKeys-orgID", (field) => field.value), organization.id);
  await press(page, "2");
  const curl = await page.$eval("[aria-labelledby='listApiKeys'] form > pre", (pre) => pre.textContent);
  assert.match(curl, new RegExp(`^curl '${service.base}/v1/organizations/${organization.id}/api-keys\\?limit=2'`));
  assert.match(curl, /Authorization: Bearer \$KEY/);
  await press(page, "Enter");
  const answer = await text(page, "[aria-labelledby='listApiKeys'] .answer", /^200 OK after \d+ ms/);
  assert.match(answer, /rel="next"/);
  await judgeLook(opened, "an answer in the documentation");
  await judgeTrace(opened, [], "documentation");
  // The field of the key is what holds it.
  await page.$eval("#key", (field) => (field.value = ""));
  await judgeTrace(opened, [service.firstKey], "documentation");

  // Created with the example of the document, which is shown in the answer alone.
  await page.$eval("[aria-labelledby='createApiKey'] .trial > summary", (summary) => summary.click());
  await page.focus("#createApiKey-body");
  await tabTo(page, "[aria-labelledby='createApiKey'] button");
  await press(page, "Enter");
  await text(page, "[aria-labelledby='createApiKey'] .answer", /^201 Created.*plaintext_api_key/s);
  await opened.context.close();

  // A key that is refused, and a server that goes away.
  const refused = await open(browser, service.base);
  await load(refused.page, service.base);
  await tabTo(refused.page, "#key");
  await press(refused.page, `${made.Terraform.secret.slice(0, -1)}!`, "Tab");
  await text(refused.page, "#caller", /\S/);
  await refused.context.close();
}

/// How it looks everywhere; `picture` is given each page.
export async function looks(browser, service, picture) {
  for (const scheme of SCHEMES) {
    for (const [device, width] of Object.entries(WIDTHS)) {
      const opened = await open(browser, service.base, { scheme, width });
      await load(opened.page, service.base);
      await picture(opened.page, `docs-${scheme}-${device}`);
      await opened.page.$$eval("details", (all) => all.forEach((one) => (one.open = true)));
      await judgeLook(opened, `documentation, ${scheme}, ${device}`);
      await opened.page.$eval("#createApiKey", (heading) => heading.scrollIntoView());
      await picture(opened.page, `operation-${scheme}-${device}`);
      await judgeTrace(opened, [], `documentation, ${scheme}, ${device}`);
      await opened.context.close();
    }
  }
}
