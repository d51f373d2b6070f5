import { TryIt } from "./try-it.ts";

new TryIt().start();
