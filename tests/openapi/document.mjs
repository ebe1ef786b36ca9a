/* Composio's published OpenAPI documents as a judge: which operation a request is of, and whether the request and its
 * answer are as the document has them. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(new URL('../clients/package.json', import.meta.url));
const Ajv = require('ajv');
const addFormats = require('ajv-formats');

const FILES = ['composio-openapi-v31-subset.json', 'composio-openapi-subset.json']
  .map((name) => fileURLToPath(new URL(`../../../shared/reference/${name}`, import.meta.url)));

/** The documents are not part of the repository. */
export const atHand = FILES.every(existsSync);

/* Formats of ids, which the document names and does not define. */
const ID_FORMATS = { connectedAccountId: /^ca_[\w-]+$/, authConfigId: /^ac_[\w-]+$/, toolRouterSessionId: /^trs_[\w-]+$/,
  webhookSubscriptionId: /^ws_[\w-]+$/ };

/** A schema of OpenAPI 3.0 as JSON Schema: a type list for `nullable`, a number for a boolean `exclusiveMinimum`. `id` is
 * of the document whose components are meant. */
function asJsonSchema(node, id) {
  if (Array.isArray(node)) return node.map((entry) => asJsonSchema(entry, id));
  if (node === null || typeof node !== 'object') return node;
  const schema = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, asJsonSchema(value, id)]));
  if (typeof schema.$ref === 'string') schema.$ref = schema.$ref.replace(/^#/, `${id}#`);
  if (schema.exclusiveMinimum === true) {
    schema.exclusiveMinimum = schema.minimum;
    delete schema.minimum;
  }
  if (schema.nullable !== true) return schema;
  delete schema.nullable;
  return { anyOf: [schema, { type: 'null' }] };
}

/** An ajv that knows the documents' components. `coerce`: values are texts of a query or path. */
function judge(documents, coerce) {
  const ajv = addFormats(new Ajv({ strict: false, allErrors: true, verbose: true, coerceTypes: coerce ? 'array' : false }));
  for (const [name, form] of Object.entries(ID_FORMATS)) ajv.addFormat(name, form);
  for (const { id, components } of documents) ajv.addSchema({ $id: id, components: asJsonSchema(components, id) });
  return ajv;
}

/* Of two templates that match, the one with the longer literal part in front: /tools/enum before /tools/{tool_slug}. */
const literal = (template) => template.replace(/\{[^}]*\}/g, '\uffff');

/** The operations of both documents, the most literal first. Each has
 *
 *   name              "GET /api/v3.1/tools/{tool_slug}"
 *   judgeAnswer(line)     what is wrong with a line of the trace: texts; none when nothing is
 *   judgeRequest(line)    the same of what was sent
 *
 * and `refusal`, an operation that answers every request with 404 and the API's error. */
export function load() {
  const documents = FILES.map((file, index) => ({ id: `document${index}`, ...JSON.parse(readFileSync(file, 'utf8')) }));
  const bodies = judge(documents, false);
  const texts = judge(documents, true);
  const operations = documents.flatMap(({ id, paths }) => Object.entries(paths).flatMap(([template, methods]) =>
    Object.entries(methods).filter(([method]) => method !== 'parameters').map(([method, described]) =>
      operation({ id, template, method: method.toUpperCase(), described, bodies, texts }))));
  operations.sort((a, b) => (literal(a.template) < literal(b.template) ? -1 : 1));
  const error = { content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } };
  const refusal = operation({ id: documents[0].id, template: '/', method: 'GET', bodies, texts,
    described: { responses: { 401: error, 404: error } } });
  return { operations, refusal };
}

/** The operation of a line; undefined when the documents have none. */
export const find = (operations, { method, path }) =>
  operations.find((candidate) => candidate.method === method && candidate.matches.test(path.split('?')[0]));

function operation({ id, template, method, described, bodies, texts }) {
  const compiled = new Map();
  const check = (ajv, what, schema, value) => {
    if (!compiled.has(what)) compiled.set(what, ajv.compile(asJsonSchema(schema, id)));
    const validate = compiled.get(what);
    return validate(value) ? [] : validate.errors.map(({ instancePath, message, params, data }) =>
      `${what}${instancePath.replace(/\/\d+(?=\/|$)/g, '/*')}: ${message}` +
      `${params.allowedValues ? ` (${params.allowedValues}), not ${JSON.stringify(data)}` : ''}`);
  };
  const names = [...template.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name);
  const matches = new RegExp(`^${template.replace(/[.]/g, '\\.').replace(/\{[^}]*\}/g, '([^/]+)')}$`);
  const parameters = described.parameters ?? [];

  return {
    name: `${method} ${template}`,
    method,
    template,
    matches,

    judgeAnswer(line) {
      const response = described.responses[line.status];
      if (!response) return [`the status ${line.status} is none of ${Object.keys(described.responses).join(', ')}`];
      const schema = response.content?.['application/json']?.schema;
      if (!schema) return line.response === null ? [] : [`${line.status} has no body`];
      const kind = /^application\/json\b/.test(line.content_type) ? [] : [`the content type is ${line.content_type}`];
      return [...kind, ...check(bodies, `answer ${line.status}`, schema, line.response)];
    },

    judgeRequest(line) {
      const [path, query = ''] = line.path.split('?');
      const values = path.match(matches).slice(1).map(decodeURIComponent);
      const given = { path: Object.fromEntries(names.map((name, index) => [name, values[index]])), query: {} };
      for (const [name, value] of new URLSearchParams(query)) (given.query[name] ??= []).push(value);
      const wrong = [];
      for (const { name, in: place, required, schema } of parameters.filter(({ in: place }) => given[place])) {
        const found = given[place][name];
        if (found === undefined && required) wrong.push(`${place}.${name} is missing`);
        if (found === undefined) continue;
        const value = found.length === 1 && Array.isArray(found) ? found[0] : found;
        wrong.push(...check(texts, `${place}.${name}`, { type: 'object', properties: { value: schema } }, { value }));
      }
      const known = parameters.filter(({ in: place }) => place === 'query').map(({ name }) => name);
      const unknown = Object.keys(given.query).filter((name) => !known.includes(name));
      wrong.push(...unknown.map((name) => `query.${name} is unknown`));
      return [...wrong, ...judgeBody(line.request)];
    },
  };

  /* What the document does not know is wrong in a request, as a misspelt name would be. */
  function judgeBody(body) {
    const schema = described.requestBody?.content?.['application/json']?.schema;
    if (body === null) return described.requestBody?.required ? ['the body is missing'] : [];
    if (!schema) return ['there is a body'];
    const unknown = schema.properties ? Object.keys(body).filter((name) => !(name in schema.properties)) : [];
    return [...unknown.map((name) => `body.${name} is unknown`), ...check(bodies, 'body', schema, body)];
  }
}
