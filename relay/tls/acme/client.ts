import { Client } from "acme-client";
import type { Answer, RequestOptions, Transport } from "./transport.ts";

/** What an order says beyond RFC 8555; undefined leaves a member out. */
export type OrderExtras = {
  /** The certificate id of the one that this order replaces (RFC 9773 section 5). */
  readonly replaces: string | undefined;
  /** The name of a profile (draft-ietf-acme-profiles section 4). */
  readonly profile: string | undefined;
};

/** What a client needs to know. */
export type AcmeClientOptions = {
  readonly directoryUrl: string;
  readonly accountKey: string;
  readonly accountUrl: string | undefined;
  readonly externalAccount: { readonly keyId: string; readonly hmacKey: string } | undefined;
};

type SignedOrder = Parameters<Client["createOrder"]>[0];

/**
 * acme-client, which signs, counts nonces and knows the resources; with what it lacks: requests go over our transport, and
 * orders can say what they replace and which profile they want.
 */
export class AcmeClient extends Client {
  /** acme-client's own, which its types do not name: everything it sends goes through `request`. A test holds it to that. */
  declare readonly http: { request(url: string, method: string, options?: RequestOptions): Promise<Answer> };

  constructor(transport: Transport, options: AcmeClientOptions) {
    const { externalAccount } = options;
    super({
      directoryUrl: options.directoryUrl,
      accountKey: options.accountKey,
      ...(options.accountUrl === undefined ? {} : { accountUrl: options.accountUrl }),
      ...(externalAccount === undefined
        ? {}
        : { externalAccountBinding: { kid: externalAccount.keyId, hmacKey: externalAccount.hmacKey } }),
    });
    // RFC 8555 section 6.2: bodies of this type, and no other, are taken.
    const headers = { "content-type": "application/jose+json" };
    this.http.request = (url, method, request = {}) => transport.request(url, method, { ...request, headers });
  }

  /** Places an order. @throws ProblemError, UnreachableError */
  placeOrder(data: SignedOrder, { replaces, profile }: OrderExtras): ReturnType<Client["createOrder"]> {
    return this.createOrder({
      ...data,
      ...(replaces === undefined ? {} : { replaces }),
      ...(profile === undefined ? {} : { profile }),
    });
  }
}
