// One end of the exchange on Bare, over TLS.
import { exchange } from "./exchange.mjs";

const [address, secret, name, ca] = Bare.argv.slice(2);
await exchange(address, secret, name, { tls: { ca } });
Bare.exit(0);
