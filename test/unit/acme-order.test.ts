import { describe, expect, it } from "vitest";
import { ProblemError } from "../../relay/tls/acme/acme-error.ts";
import type { AcmeClient, OrderExtras } from "../../relay/tls/acme/client.ts";
import { placeOrder } from "../../relay/tls/acme/order.ts";

type Placed = { readonly identifiers: readonly object[]; readonly extras: OrderExtras };

/** Takes orders, once it has refused so many. */
class RefusingClient implements Pick<AcmeClient, "placeOrder"> {
  readonly placed: Placed[] = [];
  readonly #refusals: ProblemError[];

  constructor(...types: readonly string[]) {
    this.#refusals = types.map((type) => new ProblemError(403, { type, detail: "" }, undefined));
  }

  placeOrder: AcmeClient["placeOrder"] = async ({ identifiers }, extras) => {
    this.placed.push({ identifiers, extras });
    const refusal = this.#refusals.shift();
    if (refusal !== undefined) throw refusal;
    return { url: "", status: "pending", identifiers, authorizations: [], finalize: "" };
  };
}

const names = ["relay.example", "192.0.2.7", "2001:db8::7"];
const extras = { replaces: "aki.serial", profile: "shortlived" };

describe("an order", () => {
  it("names addresses as such", async () => {
    const client = new RefusingClient();

    await placeOrder(client, { names, extras });

    expect(client.placed).toEqual([
      {
        identifiers: [
          { type: "dns", value: "relay.example" },
          { type: "ip", value: "192.0.2.7" },
          { type: "ip", value: "2001:db8::7" },
        ],
        extras,
      },
    ]);
  });

  it.each(["alreadyReplaced", "malformed", "unauthorized"])(
    "that is refused as %s is placed as a new one",
    async (type) => {
      const client = new RefusingClient(type);

      await placeOrder(client, { names, extras });

      expect(client.placed.map((order) => order.extras)).toEqual([extras, { ...extras, replaces: undefined }]);
    },
  );

  it("that is refused for the rate, or again, or that replaces nothing, stays refused", async () => {
    const nothing = { ...extras, replaces: undefined };

    await expect(placeOrder(new RefusingClient("rateLimited"), { names, extras })).rejects.toThrow("rateLimited");
    await expect(placeOrder(new RefusingClient("malformed", "malformed"), { names, extras })).rejects.toThrow(
      "malformed",
    );
    await expect(placeOrder(new RefusingClient("malformed"), { names, extras: nothing })).rejects.toThrow("malformed");
  });
});
