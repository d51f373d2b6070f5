import { expect, it } from "vitest";
import { connect as connectOnBun } from "../../client/bun/index.ts";
import { connect } from "../../client/node.ts";

it.each([null, 3, { url: 3 }, { onProxyAuth: "Basic" }])("refuses %j as a proxy", (proxy) => {
  const options = { proxy: proxy as never };

  for (const connectTo of [connect, connectOnBun]) {
    expect(() => connectTo("wss://relay.test", options)).toThrow(expect.objectContaining({ code: "option-invalid" }));
  }
});
