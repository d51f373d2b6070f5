import { CloseCode } from "../../../protocol/close-codes.ts";
import type { Hub } from "../../hub/hub.ts";
import type {
  Asked,
  Close,
  ConnectionLink,
  Dialect,
  Opening,
  Session,
  SessionConnection,
  TrafficReading,
} from "../../session/ports.ts";
import { scopedTopicName } from "../../session/topic-scope.ts";
import { foreignSubprotocol } from "../verbatim/foreign-subprotocol.ts";
import { VerbatimSession } from "../verbatim/verbatim-session.ts";
import { sumOfRejections, VerbatimTraffic } from "../verbatim/verbatim-traffic.ts";
import { isGunMessage } from "./gun-message.ts";
import { rawAddressOf } from "./raw-address.ts";

/** What the clients' libraries take (docs/protocols.md): what is delivered is as large as what is taken. */
const MAX_MESSAGE_BYTES = 4_194_304;

/** A pipe for each address: what one sends, the others get as it is. The README beside this says who dials what. */
export class RawDialect implements Dialect {
  readonly name = "raw";
  readonly prefix = "/plures";
  readonly clients: readonly string[] = ["pipe", "gun"];
  readonly routes: readonly [] = [];
  readonly extraSilentSweeps = 0;
  readonly maxMessageBytes: number = MAX_MESSAGE_BYTES;
  readonly restartClose: Close = { code: CloseCode.serviceRestart, reason: "the relay restarts" };
  readonly #hub: Hub;
  readonly #traffic = { pipe: new VerbatimTraffic(), gun: new VerbatimTraffic() };

  constructor({ hub }: { readonly hub: Hub }) {
    this.#hub = hub;
  }

  claims({ path }: Pick<Asked, "path">): boolean {
    return rawAddressOf(path) !== undefined;
  }

  chooseSubprotocol(offered: ReadonlySet<string>): string | undefined {
    return foreignSubprotocol(offered);
  }

  clientOf({ path }: Pick<Opening, "path">): string {
    return rawAddressOf(path)?.client ?? "pipe";
  }

  open(link: ConnectionLink, connection: SessionConnection, { path }: Pick<Opening, "path">): Session {
    const { client, topic } = rawAddressOf(path) ?? { client: "pipe", topic: path };
    const isTaken = client === "gun" ? isGunMessage : undefined;
    const session = new VerbatimSession({ hub: this.#hub, traffic: this.#traffic[client], isTaken }, link, connection);
    session.join({ topicName: scopedTopicName(this.name, topic), publicName: topic });
    return session;
  }

  traffic(): readonly TrafficReading[] {
    const dialect = this.name;
    return (["pipe", "gun"] as const).map((client) => this.#traffic[client].reading(this.#hub, { dialect, client }));
  }

  rejected(): Readonly<Record<string, number>> {
    return sumOfRejections(this.#traffic.pipe, this.#traffic.gun);
  }
}
