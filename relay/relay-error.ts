/** Why the relay cannot do what an operator asked. Stable; listed in docs/operations.md. */
export type RelayErrorCode =
  | "CONFIG_INVALID"
  | "CERTIFICATE_UNUSABLE"
  | "CERTIFICATE_STORE_FAILED"
  | "RELAY_KEY_UNUSABLE"
  | "STATE_UNUSABLE"
  | "AUTH_UNUSABLE"
  | "MAILBOX_STORE_FAILED"
  | "PORT_IN_USE"
  | "PORT_NOT_PERMITTED"
  | "ADDRESS_NOT_AVAILABLE"
  | "LISTEN_FAILED";

/** An error meant for an operator: the message names what is wrong, where it was set, and what to do. */
export class RelayError extends Error {
  readonly code: RelayErrorCode;

  constructor(code: RelayErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "RelayError";
    this.code = code;
  }
}
