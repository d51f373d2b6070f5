import { declareMatrix } from "./matrix.ts";

declareMatrix("chromium");
