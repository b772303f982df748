/**
 * A JSON Schema in words: what a field is, which rules it keeps to, and which fields are in it. It knows what the
 * schemas in openapi.ts are made of; whatever else a schema may say is left out, never shown wrongly. A schema that
 * holds itself is named the second time, not opened.
 */
export interface Schema {
  $ref?: string;
  title?: string;
  type?: string | string[];
  format?: string;
  description?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  examples?: unknown[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
}

/** Every text may have `code` in it. */
export interface Shape {
  type: string;
  rules: string[];
  fields: Field[];
  /** What it may be, where that has fields of its own. */
  forms: Shape[];
}

export interface Field extends Shape {
  name: string;
  isRequired: boolean;
  description?: string | undefined;
}

/** The schemas that have names, and those of them that are being read. */
export interface Scope {
  named: Record<string, Schema>;
  within?: readonly string[];
}

interface Settled {
  schema: Schema;
  scope: Scope;
}

export function readShape(given: Schema, outer: Scope): Shape {
  const { schema, scope } = settle(given, outer);
  const rules = rulesOf(schema);
  const forms = formsOf(schema);
  if (forms.length > 0) return readUnion(forms, rules, scope);
  if (schema.items) {
    const item = readShape(schema.items, scope);
    return {
      ...item,
      type: `array of ${plural(item.type)}`,
      rules: [...rules, ...item.rules.map((rule) => `each ${rule}`)],
    };
  }
  const { additionalProperties: others } = schema;
  if (typeof others === 'object' && Object.keys(others).length > 0) {
    const value = readShape(others, scope);
    return { ...value, type: `object of ${plural(value.type)} by name`, rules };
  }
  return { type: typeOf(schema), rules, fields: readFields(schema, scope), forms: [] };
}

function readFields({ properties = {}, required = [] }: Schema, scope: Scope): Field[] {
  return Object.entries(properties).map(([name, schema]) => ({
    ...readShape(schema, scope),
    name,
    isRequired: required.includes(name),
    description: settle(schema, scope).schema.description,
  }));
}

function readUnion(forms: readonly Schema[], rules: string[], scope: Scope): Shape {
  const shapes = forms.map((form) => readShape(form, scope));
  const type = [...new Set(shapes.map((shape) => shape.type))].join(' or ');
  const [only, ...others] = shapes.filter((shape) => shape.type !== 'null');
  if (only && others.length === 0) return { ...only, type, rules: [...rules, ...only.rules] };
  const isPlain = shapes.every(({ fields, forms: inner }) => fields.length + inner.length === 0);
  if (isPlain) return { type, rules: [...rules, ...shapes.flatMap((shape) => shape.rules)], fields: [], forms: [] };
  return { type, rules, fields: [], forms: shapes };
}

/**
 * A value for the schema, out of the examples that it has; of an object what must be there, of a choice the first.
 * Undefined where an example is missing: none is made up.
 */
export function exampleOf(given: Schema, outer: Scope): unknown {
  const { schema, scope } = settle(given, outer);
  const [example] = schema.examples ?? [schema.const];
  if (example !== undefined) return example;
  const [form] = formsOf(schema);
  if (form) return exampleOf(form, scope);
  if (schema.items) {
    const item = exampleOf(schema.items, scope);
    return item === undefined ? undefined : [item];
  }
  const { properties, required = [] } = schema;
  if (!properties) return undefined;
  const fields = required.map((name) => [name, exampleOf(properties[name] ?? {}, scope)] as const);
  return fields.some(([, value]) => value === undefined) ? undefined : Object.fromEntries(fields);
}

/** The schema that is meant: references followed, and the parts of an `allOf` made one. */
export function settle({ $ref, allOf, ...own }: Schema, scope: Scope): Settled {
  if ($ref !== undefined) {
    const { named, within = [] } = scope;
    const name = nameIn($ref);
    const target = named[name];
    if (!target || within.includes(name)) return { schema: { ...own, title: name }, scope };
    return settle({ ...target, ...own }, { named, within: [...within, name] });
  }
  const parts = (allOf ?? []).map((part) => settle(part, scope));
  const within = new Set([scope, ...parts.map((part) => part.scope)].flatMap((each) => each.within ?? []));
  return {
    schema: parts.reduce((whole, part) => merge(whole, part.schema), own),
    scope: { named: scope.named, within: [...within] },
  };
}

/** What a reference to a component calls it. */
export function nameIn(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1);
}

/** Of two parts that speak of the same field the later one narrows it. */
function merge(left: Schema, right: Schema): Schema {
  if (!left.properties || !right.properties) return { ...left, ...right };
  const properties = { ...left.properties };
  for (const [name, schema] of Object.entries(right.properties)) properties[name] = { ...properties[name], ...schema };
  return { ...left, ...right, properties, required: [...(left.required ?? []), ...(right.required ?? [])] };
}

function formsOf({ anyOf, oneOf }: Schema): readonly Schema[] {
  return anyOf ?? oneOf ?? [];
}

function typeOf({ title, type, format, enum: values, const: value }: Schema): string {
  if (value !== undefined) return code(value);
  if (values) return oneOfThese(values.map(code));
  const words = Array.isArray(type) ? type.join(' or ') : (type ?? title ?? 'any value');
  return format === undefined ? words : `${words} (${format})`;
}

function rulesOf(schema: Schema): string[] {
  const { format, pattern } = schema;
  return [
    range(telling(schema.minimum), telling(schema.maximum)),
    range(schema.minLength, schema.maxLength, ' characters'),
    range(schema.minItems, schema.maxItems, ' items'),
    // A pattern beside a format only spells the format out.
    ...(pattern !== undefined && format === undefined ? [`matches \`${pattern}\``] : []),
    ...(schema.default !== undefined ? [`${code(schema.default)} if not given`] : []),
    ...(schema.examples ? [`such as ${schema.examples.map(code).join(', ')}`] : []),
    ...(typeof schema.additionalProperties === 'object' && schema.properties ? ['may have other fields'] : []),
  ].filter((rule) => rule !== undefined);
}

/** A bound that holds for every exact integer in JSON is no news. */
function telling(bound: number | undefined): number | undefined {
  return bound === undefined || Math.abs(bound) >= Number.MAX_SAFE_INTEGER ? undefined : bound;
}

function range(min: number | undefined, max: number | undefined, unit = ''): string | undefined {
  if (min !== undefined && max !== undefined) return `${min} to ${max}${unit}`;
  if (min !== undefined) return `at least ${min}${unit}`;
  return max === undefined ? undefined : `at most ${max}${unit}`;
}

function code(value: unknown): string {
  return `\`${JSON.stringify(value)}\``;
}

function oneOfThese(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`;
}

function plural(type: string): string {
  return /^[a-z]+$/.test(type) ? `${type}s` : `(${type})`;
}
