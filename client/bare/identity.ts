/** The package `postern-client/identity` on Bare. */

import "./globals.ts";

export * from "../identity.ts";
