// Waiting for a condition instead of sleeping, and never without an end.

/// Asks every few milliseconds until there is an answer; fails where there is none in time, and says what was waited for.
export async function until(what, ask, limit = 60_000) {
  const end = Date.now() + limit;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited ${limit / 1_000} s in vain: ${typeof what === "function" ? what() : what}`);
    await new Promise((next) => setTimeout(next, 20));
  }
}
