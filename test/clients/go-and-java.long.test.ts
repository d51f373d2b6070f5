import { declareMatrix } from "./matrix.ts";

declareMatrix("go", "java");
