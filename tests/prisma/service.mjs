/* A service beside Tenon that uses its tables through Prisma: a directory with a schema, a prisma.config and Prisma's
 * packages. Prisma's CLI, and the client that it generates, are the ones from npm. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tempDir } from '../harness.mjs';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const PACKAGES = path('node_modules');
const contract = path('../../../shared/reference/schema.prisma');

export const MIGRATIONS = path('../../prisma/migrations/');
export const MIGRATION_NAMES = readdirSync(MIGRATIONS, { withFileTypes: true })
  .filter((entry) => entry.isDirectory()).map(({ name }) => name).sort();
export const SCHEMA = readFileSync(path('../../prisma/schema.prisma'), 'utf8');
/** The schema of the other services; undefined where it is not beside this repository. */
export const CONTRACT = existsSync(contract) ? readFileSync(contract, 'utf8') : undefined;
export const skip = CONTRACT === undefined ? 'the contract is not here: only prisma/schema.prisma is looked at' : false;

/** The models and enums of a schema, by name, without comments and with one blank in place of many. */
export const blocks = (schema) => Object.fromEntries([...schema.replace(/\/\/.*/g, '').matchAll(/^(?:model|enum) (\w+) \{[^}]*\}/gm)]
  .map(([text, name]) => [name, text.replace(/\s+/g, ' ')]));

/** `external`: tables that are not the service's. */
export function service({ database, schema = SCHEMA, migrations = MIGRATIONS, external = [] }) {
  const dir = tempDir();
  const config = {
    schema: 'schema.prisma',
    migrations: { path: migrations },
    datasource: { url: database },
    experimental: { externalTables: true },
    tables: { external: external.map((name) => `public.${name}`) },
  };
  symlinkSync(PACKAGES, join(dir, 'node_modules'));
  writeFileSync(join(dir, 'prisma.config.mjs'), `export default ${JSON.stringify(config)};\n`);
  // The generator is the service's own affair: this one makes JavaScript.
  writeFileSync(join(dir, 'schema.prisma'), schema.replace(/generator client \{[^}]*\}/,
    'generator client {\n  provider = "prisma-client-js"\n  output = "./client"\n}'));

  /** Prisma's CLI; resolves with {code, text}. */
  const prisma = (...args) => new Promise((resolve) => {
    const env = {
      PATH: process.env.PATH,
      HOME: dir,
      PRISMA_SCHEMA_ENGINE_BINARY: process.env.PRISMA_SCHEMA_ENGINE_BINARY ?? path('schema-engine.mjs'),
      CHECKPOINT_DISABLE: '1', // it asks nobody for news
    };
    execFile(process.execPath, [join(PACKAGES, 'prisma/build/index.js'), ...args], { cwd: dir, env }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, text: stdout + stderr }));
  });

  return {
    status: () => prisma('migrate', 'status'),
    deploy: () => prisma('migrate', 'deploy'),
    /** Between the database and the schema: code 0 without a difference, 2 with one. */
    difference: () => prisma('migrate', 'diff', '--from-config-datasource', '--to-schema', 'schema.prisma', '--exit-code'),
    /** The generated module: PrismaClient, Prisma, the enums. */
    async generate() {
      const { code, text } = await prisma('generate');
      if (code !== 0) throw new Error(text);
      return createRequire(join(dir, 'schema.prisma'))('./client');
    },
  };
}
