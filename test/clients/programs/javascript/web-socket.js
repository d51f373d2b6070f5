// A client of the lines in ../README.md, over anything that is like the WebSocket of browsers.

const SHOWN_BYTES = 32_768;

/**
 * @param dial makes a WebSocket of (url, subprotocols, headers, onRefused); onRefused(status, refusal) is for libraries that
 * show more of a refusal than the WebSocket of browsers.
 * @param tell takes a line.
 * @returns what takes the lines of the test.
 */
export function clientOf(dial, tell) {
  let socket;
  return (line) => {
    const [verb, first, second, third] = line.split(" ");
    if (verb === "dial") socket = dialled(dial, tell, [first, second, third]);
    else if (verb === "text") socket.send(new TextDecoder().decode(decode(first)));
    else if (verb === "binary") socket.send(decode(first));
    else if (verb === "close") socket.close(Number(first));
  };
}

function dialled(dial, tell, [url, subprotocols, header]) {
  let state = "connecting";
  const refused = (status, refusal, error) => {
    if (state !== "connecting") return;
    state = "refused";
    tell(`refused ${status ?? "-"} ${refusal ?? "-"} ${encode(error)}`);
  };
  const socket = dial(
    url,
    subprotocols === "-" ? [] : subprotocols.split(","),
    header === "-" ? {} : Object.fromEntries([new TextDecoder().decode(decode(header)).split(": ")]),
    (status, refusal) => refused(status, refusal, ""),
  );
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", () => {
    state = "open";
    tell(`open ${socket.protocol || "-"}`);
  });
  socket.addEventListener("message", ({ data }) => tell(message(data)));
  // Some show the status in the text of the error, and some never say that what failed is closed.
  socket.addEventListener("error", ({ message: text = "" }) => {
    refused(/\b[45]\d\d\b/.exec(text)?.[0], undefined, text);
  });
  socket.addEventListener("close", ({ code, reason }) => {
    refused(undefined, undefined, `closed with ${code}`);
    if (state === "open") tell(`closed ${code} ${encode(reason)}`);
  });
  return socket;
}

function message(data) {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : new Uint8Array(data);
  let sum = 0;
  for (const byte of bytes) sum += byte;
  const shown = bytes.length > SHOWN_BYTES ? "-" : encode(bytes);
  return `${typeof data === "string" ? "text" : "binary"} ${bytes.length} ${sum} ${shown}`;
}

function encode(data) {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")) || "-";
}

function decode(word) {
  return Uint8Array.from(atob(word), (character) => character.charCodeAt(0));
}
