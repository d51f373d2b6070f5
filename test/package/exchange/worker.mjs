import { exchange } from "./exchange.mjs";

export default {
  /** The exchange lasts as long as the answer to this: workerd keeps a socket for the request that has opened it. */
  async fetch(request) {
    const { searchParams } = new URL(request.url);
    await exchange(searchParams.get("relay"), searchParams.get("secret"), searchParams.get("name"));
    return new Response("done");
  },
};
