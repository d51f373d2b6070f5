import type { PosternError } from "../client/index.ts";
import { element, onPress, onSubmit, setShown, show } from "./elements.ts";
import { type Failure, wordsFor } from "./words.ts";

/** What may be done about a failure. */
export type ProblemActions = {
  readonly again: () => void;
  readonly back: () => void;
  readonly withToken: (token: string) => void;
};

/** The place where the page says what has failed, what it means, and what to do. */
export class Problem {
  constructor({ again, back, withToken }: ProblemActions) {
    onPress("back", back);
    onPress("again", again);
    onSubmit("token-form", () => {
      const field = element("token", HTMLInputElement);
      const token = field.value.trim();
      field.value = "";
      withToken(token);
    });
  }

  /** @param topicId what a token has to name; undefined: nobody knows yet. */
  show(
    failure: Failure & Partial<PosternError & { status: number; requestId: string }>,
    topicId: string | undefined,
  ): void {
    const { title, meaning, advice } = wordsFor(failure);
    show("problem-title", title);
    show("problem-meaning", meaning);
    show("problem-advice", advice);
    const { code, status, requestId } = failure;
    const details = [code, status ?? "", requestId === undefined ? "" : `request ${requestId}`];
    show("problem-detail", `For whoever runs the relay: ${details.filter((detail) => detail !== "").join(", ")}`);
    const wantsToken = code === "unauthorized" || code === "not-permitted";
    setShown("token-form", { isShown: wantsToken });
    setShown("again", { isShown: !wantsToken && code !== "no-cryptography" && code !== "secret-invalid" });
    setShown("back", { isShown: code !== "no-cryptography" && code !== "secret-invalid" });
    if (topicId !== undefined) show("topic-id", topicId);
    setShown("problem", { isShown: true });
    (wantsToken ? element("token", HTMLElement) : element("problem", HTMLElement)).focus();
  }

  hide(): void {
    setShown("problem", { isShown: false });
  }
}
