import { declareMatrix } from "./matrix.ts";

declareMatrix("javascript");
