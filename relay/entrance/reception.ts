import { Connection, type ConnectionOwn, type ConnectionParts } from "../session/connection.ts";
import type { Connections } from "../session/connections.ts";
import type { Admission } from "./admission.ts";

/** What it uses. */
export type ReceptionParts = Pick<ConnectionParts, "clock" | "log" | "accessLog"> & {
  readonly connections: Connections;
  readonly admission: Pick<Admission, "left">;
};

/**
 * Takes up those who were let in, over whichever kind of link they came: registers each as a connection, begins its
 * conversation, and gives back at its end what it had.
 */
export class Reception {
  readonly #connections: Connections;
  readonly #connectionParts: ConnectionParts;

  constructor({ clock, log, accessLog, connections, admission }: ReceptionParts) {
    this.#connections = connections;
    const onEnd = (connection: Connection): void => {
      admission.left(connection.applicant);
      connections.remove(connection);
    };
    this.#connectionParts = { clock, log, accessLog, onEnd };
  }

  /** @param head what came with the request that opened the link. */
  open(own: ConnectionOwn, head: Buffer): void {
    const connection = new Connection(this.#connectionParts, own);
    this.#connections.add(connection);
    connection.open(head);
  }
}
