// Times as people read them.

const UNITS = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

/// The date and the time, on this machine's clock.
export const exact = (time) => EXACT.format(new Date(time));

/// How long ago it is or how soon it comes, such as `3 days ago`.
export function relative(time) {
  const seconds = (new Date(time) - Date.now()) / 1_000;
  const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  return unit === "second" && Math.abs(seconds) < 45 ? "just now" : RELATIVE.format(Math.round(seconds / length), unit);
}
