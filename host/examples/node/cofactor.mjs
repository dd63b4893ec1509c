// Cofactor's component in Node: values of the contract as JSON, the same JSON as everywhere else.
//
//     const verifier = new Verifier(await import('./component/cofactor.js'), wit);
//     const transition = verifier.step(context, account, event);
//
// jco makes the component a module; here its values become plain JSON: records with the names of wit/types.wit, variants
// `{"case": value}` (a plain string without a value), byte lists lower-case hexadecimal, flags lists of names, absent options
// left out. Instants are BigInt inside and whole numbers outside.

/** The component could not judge: always a denial. */
export class Fault extends Error {
  constructor(fault) {
    super(JSON.stringify(fault));
    this.fault = fault;
  }
}

export class Verifier {
  #functions;
  #types;

  /** `component` is the module that jco made; `wit` the text of wit/types.wit. */
  constructor(component, wit) {
    this.#functions = component.verifier;
    this.#types = parse(wit);
  }

  describe() {
    return this.#lift('description', this.#functions.describe());
  }

  /** What the operator's document compiles to; a Fault that lists the errors. */
  compilePolicy(document) {
    return this.#call('compiled-policy', 'list<policy-error>', () => this.#functions.compilePolicy(document));
  }

  /** Judges one event. `account` is what the last transition wrote, in hexadecimal, or null. */
  step(context, account, event) {
    const bytes = account === null ? undefined : this.#lower('list<u8>', account);
    const [ctx, it] = [this.#lower('context', context), this.#lower('event', event)];
    return this.#call('transition', 'fault', () => this.#functions.step(ctx, bytes, it));
  }

  /** Judges whether a session is enough for a request. */
  authorize(context, session, request) {
    const values = [this.#lower('context', context), this.#lower('claims', session), this.#lower('request', request)];
    return this.#call('verdict', 'fault', () => this.#functions.authorize(...values));
  }

  #call(right, wrong, call) {
    let answer;
    try {
      answer = call();
    } catch (error) {
      if (error.payload === undefined) throw error; // A trap, and not an answer.
      throw new Fault(this.#lift(wrong, error.payload));
    }
    return this.#lift(right, answer);
  }

  /** From JSON to what jco takes. */
  #lower(type, value) {
    if (type === 'list<u8>') return Uint8Array.from(Buffer.from(value, 'hex'));
    const [outer, inner] = generic(type);
    if (outer === 'list') return value.map((item) => this.#lower(inner[0], item));
    if (outer === 'option') return value === undefined || value === null ? undefined : this.#lower(inner[0], value);
    if (outer === 'tuple') return value.map((item, at) => this.#lower(inner[at], item));
    const shape = this.#types.get(type);
    switch (shape?.kind) {
      case 'alias':
        return this.#lower(shape.of, value);
      case 'record': {
        const unknown = Object.keys(value).filter((name) => !shape.members.has(name));
        if (unknown.length) throw new Error(`unknown: ${unknown.join(', ')}`);
        const fields = [...shape.members].map(([name, of]) => [camel(name), this.#lower(of, value[name] ?? empty(of))]);
        return Object.fromEntries(fields);
      }
      case 'variant': {
        const [tag, payload] = typeof value === 'string' ? [value] : Object.entries(value)[0];
        const of = shape.members.get(tag);
        return of ? { tag, val: this.#lower(of, payload) } : { tag };
      }
      case 'flags':
        return Object.fromEntries(value.map((name) => [camel(name), true]));
      default:
        return type === 'u64' ? BigInt(value) : value;
    }
  }

  /** From what jco gives to JSON. */
  #lift(type, value) {
    if (type === 'list<u8>') return Buffer.from(value).toString('hex');
    const [outer, inner] = generic(type);
    if (outer === 'list') return Array.from(value, (item) => this.#lift(inner[0], item));
    if (outer === 'option') return value === undefined ? undefined : this.#lift(inner[0], value);
    if (outer === 'tuple') return value.map((item, at) => this.#lift(inner[at], item));
    const shape = this.#types.get(type);
    switch (shape?.kind) {
      case 'alias':
        return this.#lift(shape.of, value);
      case 'record': {
        const fields = [...shape.members].map(([name, of]) => [name, this.#lift(of, value[camel(name)])]);
        return Object.fromEntries(fields.filter(([, item]) => item !== undefined));
      }
      case 'variant': {
        const of = shape.members.get(value.tag);
        return of ? { [value.tag]: this.#lift(of, value.val) } : value.tag;
      }
      case 'flags':
        return [...shape.members.keys()].filter((name) => value[camel(name)]);
      default:
        return type === 'u64' ? Number(value) : value;
    }
  }
}

/** The types of the contract, read from its text. */
function parse(wit) {
  const types = new Map();
  const text = wit.replace(/\/\/.*$/gm, '');
  for (const [, name, of] of text.matchAll(/\btype ([\w-]+) = ([^;]+);/g)) types.set(name, { kind: 'alias', of: tidy(of) });
  for (const [, kind, name, body] of text.matchAll(/\b(record|variant|enum|flags) ([\w-]+) \{([^}]*)\}/g)) {
    const members = split(tidy(body)).map((member) => {
      const [, label, of] = member.match(/^([\w-]+)[:(]?(.*?)\)?$/);
      return [label, of || undefined];
    });
    types.set(name, { kind, members: new Map(members) });
  }
  return types;
}

/** Commas that are not within brackets end a member. */
function split(body) {
  return body.split(/,(?![^<]*>)/).filter(Boolean);
}

function generic(type) {
  const found = type.match(/^(list|option|tuple)<(.*)>$/);
  return found ? [found[1], split(found[2])] : [];
}

/** What a field has that was left out: an option, or a list that may be empty. */
function empty(type) {
  if (type.startsWith('option<')) return undefined;
  return { string: '', u8: 0, u32: 0, bool: false }[type] ?? (type.startsWith('list<') || type === 'surface' ? [] : 0);
}

const tidy = (text) => text.replace(/\s/g, '');
const camel = (name) => name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
