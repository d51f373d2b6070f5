import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";

type Values = readonly SQLInputValue[];

/** The statements of one database: each is compiled once. Their texts are constants, of which there are few. */
export class SqliteStatements {
  readonly #database: DatabaseSync;
  readonly #compiled = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** The first row. */
  get(sql: string, ...values: Values): ReturnType<StatementSync["get"]> {
    return this.#of(sql).get(...values);
  }

  all(sql: string, ...values: Values): ReturnType<StatementSync["all"]> {
    return this.#of(sql).all(...values);
  }

  /** The rows as they are asked for. */
  iterate(sql: string, ...values: Values): ReturnType<StatementSync["iterate"]> {
    return this.#of(sql).iterate(...values);
  }

  run(sql: string, ...values: Values): ReturnType<StatementSync["run"]> {
    return this.#of(sql).run(...values);
  }

  #of(sql: string): StatementSync {
    let statement = this.#compiled.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#compiled.set(sql, statement);
    }
    return statement;
  }
}
