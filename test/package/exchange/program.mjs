import { exchange } from "./exchange.mjs";

const [address, secret, name] = process.argv.slice(2);
await exchange(address, secret, name);
process.exit(0);
