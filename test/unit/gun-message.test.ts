import { describe, expect, it } from "vitest";
import { isGunMessage } from "../../relay/dialects/raw/gun-message.ts";

const NODE = '{"_":{"#":"user:alice",">":{"name":1795200876384.0}},"name":"Alice"}';

function isGun(text: string): boolean {
  return isGunMessage(Buffer.from(text));
}

describe("[GUN-3] the shapes that clients can read", () => {
  it.each([
    ["a put", `{"#":"1","put":{"user:alice":${NODE}}}`],
    ["a put of nothing", '{"#":"1","put":{}}'],
    ["a put with another key", `{"#":"1","put":{"a":${NODE}},"><":"x"}`],
    ["a get", '{"#":"1","get":{"#":"user:alice"}}'],
    ["a get of one field", '{"#":"1","get":{"#":"user:alice",".":"name"}}'],
    ["a get of no field", '{"#":"1","get":{"#":"user:alice",".":null}}'],
    ["an ack", '{"#":"1","@":"2"}'],
    ["an ack with an error", '{"#":"1","@":"2","err":"no"}'],
    ["an ack with all", '{"#":"1","@":"2","err":null,"ok":255}'],
    ["a put that is none, but a get", '{"#":"1","put":1,"get":{"#":"a"}}'],
    ["spaces", ' { "#" : "1" , "@" : "2" } '],
    ["escapes", '{"\\u0023":"\\ud83d\\ude00","@":"2"}'],
    ["a brace in a string", '{"#":"{\\":,","@":"2"}'],
  ])("takes %s", (_title, text) => {
    expect(isGun(text)).toBe(true);
  });

  it.each([
    ["no JSON", "hello"],
    ["nothing", ""],
    ["an array", `[{"#":"1","@":"2"}]`],
    ["null", "null"],
    ["no id", '{"@":"2"}'],
    ["an id that is a number", '{"#":1,"@":"2"}'],
    ["none of the three", '{"#":"1"}'],
    ["a node without its meta", '{"#":"1","put":{"a":{"name":"x"}}}'],
    ["a state that is a string", '{"#":"1","put":{"a":{"_":{"#":"a",">":{"n":"1"}}}}}'],
    ["a put that is an array", '{"#":"1","put":[]}'],
    ["a get without an id", '{"#":"1","get":{".":"name"}}'],
    ["an ok above a byte", '{"#":"1","@":"2","ok":256}'],
    ["an ok below zero", '{"#":"1","@":"2","ok":-1}'],
    ["an error that is a number", '{"#":"1","@":"2","err":1}'],
    ["more behind it", '{"#":"1","@":"2"}x'],
  ])("drops %s", (_title, text) => {
    expect(isGun(text)).toBe(false);
  });
});

describe("[GUN-3] what an attacker writes to end the clients' receive loops", () => {
  it.each([
    ["a doubled key", '{"#":"1","#":"2","@":"3"}'],
    ["a key that is doubled by an escape", '{"#":"1","\\u0023":"2","@":"3"}'],
    ["a number beyond a double", '{"#":"1","put":{"a":{"_":{"#":"a",">":{"n":1e999}}}}}'],
    ["half a surrogate pair", '{"#":"\\ud800","@":"2"}'],
    ["half a surrogate pair for a key", '{"#":"1","@":"2","\\udc00":1}'],
    ["an ok with a fraction of nothing", '{"#":"1","@":"2","ok":1.0}'],
    ["an ok with an exponent", '{"#":"1","@":"2","ok":1e0}'],
    ["an ok of minus nothing", '{"#":"1","@":"2","ok":-0}'],
    ["arrays without end", `{"#":"1","@":"2","x":${"[".repeat(1000)}${"]".repeat(1000)}}`],
    ["a byte order mark", '\ufeff{"#":"1","@":"2"}'],
  ])("drops %s", (_title, text) => {
    expect(isGun(text)).toBe(false);
  });

  it("drops what is no UTF-8", () => {
    const message = Buffer.from('{"#":"x","@":"2"}');
    message[6] = 0xff;

    expect(isGunMessage(message)).toBe(false);
  });

  it("drops a message of a million keys or values without building it", () => {
    const values = `{"#":"1","@":"2","x":[${"1,".repeat(1_000_000)}1]}`;
    const keys = `{"#":"1","@":"2",${Array.from({ length: 200_000 }, (_, index) => `"${index}":0`).join(",")}}`;

    expect([isGun(values), isGun(keys)]).toEqual([false, false]);
  });
});
