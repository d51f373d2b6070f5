const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const SHORT_NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** `12,345`; below 10 with a decimal, where there is one. */
export function count(value: number): string {
  return value < 10 ? SHORT_NUMBER.format(value) : NUMBER.format(value);
}

/** `1.5 MiB`. */
export function bytes(value: number): string {
  let unit = 0;
  let rest = value;
  while (rest >= 1024 && unit < BYTE_UNITS.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? NUMBER.format(rest) : SHORT_NUMBER.format(rest)} ${BYTE_UNITS[unit]}`;
}

/** The two largest units: `12 d 3 h`, `3 h 20 min`, `5 min 10 s`. */
export function duration(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole >= DAY) return `${NUMBER.format(Math.floor(whole / DAY))} d ${Math.floor((whole % DAY) / HOUR)} h`;
  if (whole >= HOUR) return `${Math.floor(whole / HOUR)} h ${Math.floor((whole % HOUR) / MINUTE)} min`;
  if (whole >= MINUTE) return `${Math.floor(whole / MINUTE)} min ${whole % MINUTE} s`;
  return `${whole} s`;
}

/** `2.5 ms`. */
export function milliseconds(seconds: number): string {
  return `${SHORT_NUMBER.format(seconds * 1000)} ms`;
}

/** The bound of what was measured: `≤ 2.5 ms`; nothing measured is a dash. */
export function atMost(seconds: number | undefined): string {
  return seconds === undefined ? "–" : `≤ ${milliseconds(seconds)}`;
}

/** The time of day, UTC. */
export function time(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(11, 19);
}
