// The provider says what it would want in production, from its import on.
console.info = () => {};
console.warn = () => {};
