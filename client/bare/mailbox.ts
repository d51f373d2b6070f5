/** The package `postern-client/mailbox` on Bare. */

import "./globals.ts";

export * from "../mailbox.ts";
