import { type HttpAnswer, MAX_BODY_BYTES } from "../../client/doctor/common/http-answer.ts";

/** Asks for the relay's address as a program does. @returns undefined where no answer comes. Never rejects. */
export async function askRelay(address: string, timeMs: number): Promise<HttpAnswer | undefined> {
  try {
    const response = await fetch(address, {
      headers: { accept: "application/json" },
      cache: "no-store",
      credentials: "omit",
      redirect: "manual",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(timeMs),
    });
    const { status, headers } = response;
    const [server, location, date, via] = ["server", "location", "date", "via"].map((name) => headers.get(name));
    return {
      status,
      server: server ?? undefined,
      location: location ?? undefined,
      date: date ?? undefined,
      via: via ?? undefined,
      body: await beginningOf(response),
    };
  } catch {
    return undefined;
  }
}

/** A page in the relay's place may be long, or never end. */
async function beginningOf({ body }: Response): Promise<string> {
  if (body === null) return "";
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (text.length < MAX_BODY_BYTES) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += value;
  }
  void reader.cancel();
  return text.slice(0, MAX_BODY_BYTES);
}
