import { startMeasuredRelay } from "./measured-relay.ts";

/** The relay under measurement. */
await startMeasuredRelay();
