/** The OpenAPI document arranged for a reader: by tag, every operation with what it takes, answers and refuses. */
import { exampleOf, nameIn, readShape, settle } from './shape.ts';
import type { Field, Schema, Scope, Shape } from './shape.ts';

interface Header {
  $ref?: string;
  description?: string;
}

interface Response {
  description: string;
  headers: Record<string, Header>;
  content: Record<string, { schema: Schema }>;
}

interface Operation {
  operationId: string;
  summary: string;
  description?: string;
  tags: string[];
  'x-roles'?: string[];
  parameters: { name: string; in: string; required?: boolean; description?: string; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, Response>;
}

/** What openapi.ts makes, as far as a reader needs it. */
export interface OpenApi {
  openapi: string;
  info: { version: string; description: string };
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: {
    schemas: Record<string, Schema>;
    headers: Record<string, Header>;
    securitySchemes: Record<string, { type: string; scheme?: string; name?: string; description: string }>;
  };
}

interface Note {
  name: string;
  description: string | undefined;
}

interface Place {
  method: string;
  path: string;
  operation: Operation;
}

type NotesOf = (headers: Record<string, Header>) => Note[];

interface Body extends Shape {
  contentType: string;
  /** Whether a field that is not listed is refused. */
  isClosed: boolean;
}

interface Answer {
  status: string;
  description: string;
  headers: Note[];
  bodies: Body[];
}

interface OperationReference {
  id: string;
  /** Method and path. */
  name: string;
  summary: string;
  description: string | undefined;
  /** Undefined: anyone. */
  roles: string[] | undefined;
  parameters: (Field & { place: string })[];
  bodies: Body[];
  curl: string | undefined;
  answers: Answer[];
  problems: { status: string; codes: unknown[]; headers: Note[] }[];
}

export interface Reference {
  openapi: string;
  version: string;
  description: string;
  waysToSayWho: Note[];
  /** The headers that every answer has. */
  headers: Note[];
  groups: { name: string; title: string; description: string; operations: OperationReference[] }[];
  problem: Shape;
}

const PROBLEM = 'application/problem+json';

export function createReference(document: OpenApi): Reference {
  const { info, tags, paths, components } = document;
  const scope: Scope = { named: components.schemas };
  const places = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Place => ({ method, path, operation })),
  );
  const notesOf: NotesOf = (headers) =>
    Object.entries(headers).map(([name, header]) => ({ name, description: follow(header, components).description }));
  const responses = places.flatMap(({ operation }) => Object.values(operation.responses));
  const isEverywhere = ({ name }: Note) => responses.every(({ headers }) => name in headers);
  const ownNotesOf: NotesOf = (headers) => notesOf(headers).filter((note) => !isEverywhere(note));

  return {
    ...{ openapi: document.openapi, version: info.version, description: info.description },
    waysToSayWho: Object.values(components.securitySchemes).map(({ type, scheme, name, description }) => ({
      name: type === 'http' ? `HTTP ${capital(scheme ?? '')}` : `Cookie \`${name ?? ''}\``,
      description,
    })),
    headers: notesOf(responses[0]?.headers ?? {}).filter(isEverywhere),
    groups: tags.map((tag) => ({
      ...tag,
      title: capital(tag.name),
      operations: places
        .filter(({ operation }) => operation.tags.includes(tag.name))
        .map((place) => readOperation(place, scope, ownNotesOf)),
    })),
    problem: readShape({ $ref: '#/components/schemas/Problem' }, scope),
  };
}

function readOperation(place: Place, scope: Scope, notesOf: NotesOf): OperationReference {
  const { method, path, operation } = place;
  return {
    ...{ id: operation.operationId, name: `${method.toUpperCase()} ${path}` },
    ...{ summary: operation.summary, description: operation.description, roles: operation['x-roles'] },
    parameters: operation.parameters.map((each) => ({
      ...readShape(each.schema, scope),
      ...{ name: each.name, place: each.in, description: each.description, isRequired: each.required ?? false },
    })),
    bodies: readBodies(operation.requestBody?.content ?? {}, scope),
    curl: curlOf(place, scope),
    ...readResponses(operation.responses, scope, notesOf),
  };
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function follow(header: Header, { headers }: OpenApi['components']): Header {
  return header.$ref === undefined ? header : (headers[nameIn(header.$ref)] ?? header);
}

function readBodies(content: Record<string, { schema: Schema }>, scope: Scope): Body[] {
  return Object.entries(content).map(([contentType, { schema }]) => ({
    ...readShape(schema, scope),
    ...{ contentType, isClosed: schema.additionalProperties === false },
  }));
}

/** A response that is a problem is told by its codes alone: all of them have the same fields. */
function readResponses(
  responses: Record<string, Response>,
  scope: Scope,
  notesOf: NotesOf,
): Pick<OperationReference, 'answers' | 'problems'> {
  const all = Object.entries(responses).map(([status, response]) => ({
    ...{ status, description: response.description, headers: notesOf(response.headers), content: response.content },
    problem: response.content[PROBLEM]?.schema,
  }));
  return {
    answers: all
      .filter(({ problem }) => !problem)
      .map(({ content, ...answer }) => ({ ...answer, bodies: readBodies(content, scope) })),
    problems: all.flatMap(({ status, headers, problem }) =>
      problem ? [{ status, headers, codes: settle(problem, scope).schema.properties?.['code']?.enum ?? [] }] : [],
    ),
  };
}

/**
 * A line for a shell, if the document has an example of everything that the operation must be given. A header that has
 * an example is given too: a payment is to have a key.
 */
function curlOf({ method, path, operation }: Place, scope: Scope): string | undefined {
  const given = operation.parameters.map((each) => ({ ...each, example: exampleOf(each.schema, scope) }));
  const body = operation.requestBody?.content['application/json']?.schema;
  const example = body && exampleOf(body, scope);
  if (given.some((each) => each.required && (each.in !== 'path' || each.example === undefined))) return undefined;
  if (body && example === undefined) return undefined;

  const target = given.reduce((url, { name, example: value }) => url.replace(`{${name}}`, String(value)), path);
  const headers = given.filter((each) => each.in === 'header' && each.example !== undefined);
  return [
    'curl',
    ...(operation['x-roles'] ? ['-u "$EMAIL"'] : []),
    ...(method === 'post' && !body ? ['-X POST'] : []),
    `"$URL${target}"`,
    ...headers.map(({ name, example: value }) => `-H ${quote(`${name}: ${String(value)}`)}`),
    ...(body ? [`-H 'Content-Type: application/json' -d ${quote(JSON.stringify(example))}`] : []),
  ].join(' ');
}

/** As one word of a POSIX shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
