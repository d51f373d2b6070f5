/**
 * What the checks say that a terminal and a page share, and what those of the page say: with the causes all that there is to
 * translate. Each is a part of a line: no capital, no full stop.
 */
export const words = {
  notLookedAt: "not looked at",
  noAnswer: "no answer",
  relayAnswers: "the relay answers",
  relayAnswersBy: (via: string) => `the relay answers, by way of ${via}`,
  answersInItsPlace: (answer: string) => `${answer}: not what a relay says`,
  nobodyBehind: (answer: string) => `${answer}: no relay behind it`,
  sendsTo: (origin: string) => `, which sends to ${origin}`,
  sendsElsewhere: "which sends to another page",
  noDate: "the answer has no date",
  clockAgrees: "this machine's clock agrees with the relay's",
  clockAhead: (seconds: number) => `this machine's clock is ${seconds} s ahead of the relay's`,
  clockBehind: (seconds: number) => `this machine's clock is ${seconds} s behind the relay's`,
  smallSwallowed: (timeMs: number) => `a small message has no answer in ${timeMs} ms`,
  joined: (features: string) => `a topic with a random name is joined; features: ${features}`,
  noFeatures: "none",
  notJoined: (reason: string) => `${reason}: a topic with a random name; another one may be joined`,
  joinUnanswered: (timeMs: number) => `no answer to a join in ${timeMs} ms`,
  largeSwallowed: (bytes: number, timeMs: number) => `a message of ${bytes} bytes has no answer in ${timeMs} ms`,
  smallComeBack: "small messages come back",
  comeBack: (bytes: number) => `messages of up to ${bytes} bytes come back`,
  roundTrip: (medianMs: number, leastMs: number, mostMs: number) => `${medianMs} ms; ${leastMs} to ${mostMs} ms`,
  throughput: (kbitPerSecond: number, bytes: number) =>
    `${kbitPerSecond} kbit/s each way, by one message of ${bytes} bytes after the other`,
  notMeasured: "not measured: no topic is joined",
  notWaited: "not asked for",
  stillThere: (seconds: number) => `still there after ${seconds} s without a message`,
  deadAfter: (seconds: number) => `dead after ${seconds} s without a message`,
  unanswered: (timeMs: number) => `no answer in ${timeMs} ms`,
  polled: (tookMs: number) => `a topic with a random name is joined in ${tookMs} ms, without a WebSocket`,
  notPolled: (reason: string) => `it does not get through either: ${reason}`,
  udpAnswered: (port: number) => `UDP to port ${port} is answered: direct connections may be possible`,
  udpUnanswered: (port: number) => `UDP to port ${port} is not answered: all goes by the relay, which is enough`,
  noStunPort: "not tested: the relay tells no STUN port",

  // The page alone.
  reached: (tookMs: number) => `the name is known, and the port answers: ${tookMs} ms until the answer`,
  notReached: (timeMs: number) =>
    `no answer in ${timeMs} ms; a page is not told whether name, port or TLS is the reason`,
  offline: "the browser says that this machine is on no network",
  tlsTrusted: "this browser trusts the certificate; it shows it where it shows the address",
  noTls: "none: this page came by plain HTTP",
  proxyUnknown: "a page is not told; the browser goes by the one that is set for it, if any",
  interceptionUnseen: "a page sees no certificate: compare the one that the browser shows",
  opened: (tookMs: number) => `a WebSocket is open in ${tookMs} ms`,
  notOpened: (tookMs: number) => `no WebSocket, after ${tookMs} ms; a page is not told why`,
  openingUnanswered: (timeMs: number) => `no answer to the upgrade in ${timeMs} ms`,
  noWebRtc: "not tested: this browser has no WebRTC, or it is turned off",
} as const;
