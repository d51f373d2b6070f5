import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { HttpChallengeResponder } from "../../relay/tls/acme/http-challenge.ts";
import { freePort } from "../../scripts/loopback/free-port.ts";

const TOKEN_PATH = "/.well-known/acme-challenge/token-1";

async function startResponder(): Promise<{ readonly responder: HttpChallengeResponder; readonly port: number }> {
  const port = await freePort();
  const responder = new HttpChallengeResponder({ host: "127.0.0.1", port, names: ["relay.example", "2001:db8::1"] });
  await responder.start();
  onTestFinished(() => responder.stop());
  return { responder, port };
}

type Reply = { readonly status: number | undefined; readonly location: string | undefined; readonly text: string };

function ask(port: number, path: string, host = "relay.example", method = "GET"): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path, method, headers: { host }, agent: false }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on("end", () => resolve({ status: response.statusCode, location: response.headers.location, text }));
    });
    asked.on("error", reject).end();
  });
}

describe("the responder", () => {
  it("gives the key authorization to whoever has the token, for as long as it is waited for", async () => {
    const { responder, port } = await startResponder();
    responder.add("token-1", "token-1.thumbprint");

    expect(await ask(port, TOKEN_PATH, "any.example")).toEqual({
      status: 200,
      location: undefined,
      text: "token-1.thumbprint",
    });
    expect(responder.answerCount).toBe(1);
    responder.remove("token-1");
    expect((await ask(port, TOKEN_PATH, "any.example")).status).toBe(404);
  });

  it("sends people to https, on the relay's names alone", async () => {
    const { port } = await startResponder();

    expect(await ask(port, "/chat?x=1", "Relay.example:80")).toMatchObject({
      status: 308,
      location: "https://relay.example/chat?x=1",
    });
    expect((await ask(port, "/", "[2001:db8::1]")).location).toBe("https://[2001:db8::1]/");
    expect(await ask(port, "/", "elsewhere.example")).toEqual({ status: 404, location: undefined, text: "" });
    expect((await ask(port, "//elsewhere.example/", "relay.example")).location).toBe(
      "https://relay.example//elsewhere.example/",
    );
  });

  it("takes no other methods", async () => {
    const { responder, port } = await startResponder();
    responder.add("token-1", "secret");

    expect(await ask(port, TOKEN_PATH, "relay.example", "POST")).toEqual({
      status: 404,
      location: undefined,
      text: "",
    });
  });

  it.each([
    ["says nothing", ""],
    ["does not end its headers", "GET / HTTP/1.1\r\nhost: relay.example\r\n"],
  ])("lets go of whoever %s within seconds: there is room for the authority", async (_, text) => {
    const { port } = await startResponder();
    const socket = connect(port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());

    socket.resume().write(text);

    await once(socket, "close");
  });

  it("names the port and the fix where it cannot have it", async () => {
    const { port } = await startResponder();
    const second = new HttpChallengeResponder({ host: "127.0.0.1", port, names: [] });

    await expect(second.start()).rejects.toMatchObject({
      code: "PORT_IN_USE",
      message: expect.stringContaining("ACME_HTTP_PORT"),
    });
    await second.stop();
  });
});
