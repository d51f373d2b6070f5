/** The package `postern-client/signed-relays` on Bare. */

import "./globals.ts";

export * from "../signed-relays.ts";
