import { objectIn } from "./envelope.ts";

/** What is kept beside a message: who deposited it, and what it is delivered with. */
export type Note = {
  /** The mailbox of who deposited it, and its own id for the message: to tell it of the delivery. */
  readonly from?: string | undefined;
  readonly messageId?: string | undefined;
  /** As the sender claims it. */
  readonly senderId?: string | undefined;
  readonly targetDeviceId?: string | undefined;
  readonly senderDeviceId?: string | undefined;
};

/** Writes it for the store. */
export function writeNote(note: Note): string {
  return JSON.stringify(note);
}

/** Reads it again; what cannot be read is left out. */
export function readNote(text: string): Note {
  const fields = objectIn(text) ?? {};
  const textOf = (name: keyof Note): string | undefined => {
    const value = fields[name];
    return typeof value === "string" ? value : undefined;
  };
  return {
    from: textOf("from"),
    messageId: textOf("messageId"),
    senderId: textOf("senderId"),
    targetDeviceId: textOf("targetDeviceId"),
    senderDeviceId: textOf("senderDeviceId"),
  };
}
