/** What a route gives: everything of the HTTP answer that is not the same for all. */
export type Answer = {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** What is to be done once it has left, or nobody takes it any more. */
  readonly afterwards?: () => void;
};

/** A value as JSON. */
export function json(status: number, value: object): Answer {
  return { status, contentType: "application/json", body: JSON.stringify(value) };
}

/** One sentence for people. */
export function text(status: number, sentence: string): Answer {
  return { status, contentType: "text/plain; charset=utf-8", body: sentence };
}

/** A page. Each has a policy of its own for what it may load (Content Security Policy, level 3). */
export function html(status: number, body: string, contentSecurityPolicy: string): Answer {
  return {
    status,
    contentType: "text/html; charset=utf-8",
    body,
    headers: { "content-security-policy": contentSecurityPolicy, "referrer-policy": "no-referrer" },
  };
}
