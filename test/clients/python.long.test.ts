import { declareMatrix } from "./matrix.ts";

declareMatrix("python");
