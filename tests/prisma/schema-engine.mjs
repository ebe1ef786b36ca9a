#!/usr/bin/env node
/* Prisma's schema engine in the place of the program that Prisma's CLI downloads ($PRISMA_SCHEMA_ENGINE_BINARY): the same
 * engine, compiled to WebAssembly by Prisma, over Prisma's driver adapter for PostgreSQL. It has no shadow database.
 * Speaks JSON-RPC, a line for each message; `cli can-connect-to-database` says by its exit code whether it can. */
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import * as engine from '@prisma/schema-engine-wasm/schema_engine_bg';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import pg from 'pg';

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    datamodels: { type: 'string', multiple: true },
    datasource: { type: 'string' },
    'enabled-preview-features': { type: 'string' },
    'extension-types': { type: 'string' },
  },
});

/* The catalog's own types "char" and name, which the adapter does not know (prisma/prisma#27403), are text. */
const CATALOG_TYPES = [18, 19];
class Pool extends pg.Pool {
  async query(...args) {
    const result = await super.query(...args);
    for (const field of result.fields ?? []) {
      if (CATALOG_TYPES.includes(field.dataTypeID)) field.dataTypeID = pg.types.builtins.TEXT;
    }
    return result;
  }
}

class Adapter extends PrismaPg {
  async connect() {
    const adapter = await super.connect();
    // The adapter's own cuts at every semicolon, also within a function.
    adapter.executeScript = async (script) => { await adapter.underlyingDriver().query(script); };
    return adapter;
  }

  connectToShadowDb() {
    throw new Error('there is no shadow database');
  }
}

const pool = new Pool({ connectionString: JSON.parse(given.datasource).url });
if (positionals.join(' ') === 'cli can-connect-to-database') {
  await pool.query('SELECT 1');
  process.exit(0);
}

async function start() {
  const file = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm').replace(/\.js$/, '_bg.wasm');
  const { instance } = await WebAssembly.instantiate(readFileSync(file), { './schema_engine_bg.js': engine });
  engine.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  const datamodels = given.datamodels?.map((path) => [path, readFileSync(path, 'utf8')]);
  return engine.SchemaEngine.new({ datamodels }, () => {}, bindMigrationAwareSqlAdapterFactory(new Adapter(pool)));
}

const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);

const running = await start();
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  try {
    const result = await running[method](params);
    // The program prints a difference before it answers.
    if (method === 'diff') send({ id: 0, method: 'print', params: { content: result.stdout } });
    send({ id, result });
  } catch (error) {
    send({ id, error: { code: -32000, message: error.message, data: error } });
  }
}
process.exit(0);
