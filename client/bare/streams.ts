/** The package `postern-client/streams` on Bare. */

import "./globals.ts";

export * from "../streams.ts";
