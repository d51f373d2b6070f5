/** Made when the first figure is shown: to load what V8 knows of languages is a tenth of a relay's start. */
const formats = new Map<number, Intl.NumberFormat>();
const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** `12,345`; below 10 with a decimal, where there is one. */
export function count(value: number): string {
  return value < 10 ? formatted(1, value) : formatted(0, value);
}

/** `1.5 MiB`. */
export function bytes(value: number): string {
  let unit = 0;
  let rest = value;
  while (rest >= 1024 && unit < BYTE_UNITS.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? formatted(0, rest) : formatted(1, rest)} ${BYTE_UNITS[unit]}`;
}

/** The two largest units: `12 d 3 h`, `3 h 20 min`, `5 min 10 s`. */
export function duration(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole >= DAY) return `${formatted(0, Math.floor(whole / DAY))} d ${Math.floor((whole % DAY) / HOUR)} h`;
  if (whole >= HOUR) return `${Math.floor(whole / HOUR)} h ${Math.floor((whole % HOUR) / MINUTE)} min`;
  if (whole >= MINUTE) return `${Math.floor(whole / MINUTE)} min ${whole % MINUTE} s`;
  return `${whole} s`;
}

/** `2.5 ms`. */
export function milliseconds(seconds: number): string {
  return `${formatted(1, seconds * 1000)} ms`;
}

/** The bound of what was measured: `≤ 2.5 ms`; nothing measured is a dash. */
export function atMost(seconds: number | undefined): string {
  return seconds === undefined ? "–" : `≤ ${milliseconds(seconds)}`;
}

/** The time of day, UTC. */
export function time(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(11, 19);
}

function formatted(maximumFractionDigits: 0 | 1, value: number): string {
  const format = formats.get(maximumFractionDigits) ?? new Intl.NumberFormat("en", { maximumFractionDigits });
  formats.set(maximumFractionDigits, format);
  return format.format(value);
}
