import { startMeasuredRelay } from "../measured-relay.ts";

/** One of several relays on this machine: drains on SIGTERM, and shows the certificate that tells it from the others. */
const relay = await startMeasuredRelay();
process.once("SIGTERM", () => void relay.stop().finally(() => process.exit(0)));
process.stdout.write("listening\n");
