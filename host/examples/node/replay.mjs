// Replays scenarios (docs/scenario.md) and prints every transition, byte for byte as `cofactor simulate` does.
//
//     node replay.mjs scenario.jsonl...
//
// What a host has to do is all here: keep each account's record, name the instant, supply entropy and keys, and put back what
// the component wrote.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Fault, Verifier } from './cofactor.mjs';

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A host in virtual time. */
class Scenario {
  constructor(verifier, setting) {
    this.verifier = verifier;
    this.seed = setting.entropy;
    this.now = setting.start ?? 0;
    this.origin = setting.origin ?? {};
    this.tenant = setting.tenant ?? 'default';
    this.keys = setting.keys ?? [{ id: 1, secret: this.expand('key') }];
    this.policy = verifier.compilePolicy(setting.policy ?? '').bytes;
    this.refuseBefore = 0;
    this.accounts = new Map();
  }

  /** One line: the transition, the verdict or the fault. */
  happen(number, line) {
    if (typeof line.at === 'number') {
      this.now = line.at;
    } else if (line.at) {
      const [, sign, amount, unit] = line.at.match(/^([+-])(\d+)(ms|s|m|h|d)$/);
      this.now += Number(sign + amount) * UNITS[unit];
    }
    this.refuseBefore = line['refuse-before'] ?? this.refuseBefore;
    try {
      return line.event ? this.event(number, line) : this.authorize(line);
    } catch (error) {
      if (error instanceof Fault) return { fault: error.fault };
      throw error;
    }
  }

  event(number, line) {
    const defaults = {
      user: line.account ?? 'alice',
      application: 'example',
      gateway: 'simulate',
      binding: this.expand('binding'),
    };
    const origin = { ...defaults, ...this.origin, ...line.event.origin };
    const account = this.account(line.account ?? origin.user);
    const event = refer({ id: this.expand(`id ${number}`), ...line.event, origin }, account);
    event.origin.known = account.known;
    const transition = this.step(account, event, this.expand(`line ${number}`), line.observed ?? []);
    account.generation = transition.generation;
    if (transition.account === 'remove') {
      Object.assign(account, { record: null, known: false });
    } else if (transition.account !== 'keep') {
      const [[kind, record]] = Object.entries(transition.account);
      Object.assign(account, { record, known: account.known || kind === 'write' });
    }
    remember(account, transition.outcome);
    return transition;
  }

  step(account, event, entropy, observed) {
    const context = { ...this.context(), entropy, keys: this.keys, observed, 'refuse-before': this.refuseBefore };
    return this.verifier.step(context, account.record, event);
  }

  authorize(line) {
    const account = this.account(line.account ?? 'alice');
    const { session, request } = refer(line.authorize, account);
    const verdict = this.verifier.authorize(this.context(), session, { generation: account.generation, ...request });
    return { verdict };
  }

  context() {
    return { now: this.now, entropy: '', policy: this.policy, tenant: this.tenant };
  }

  account(name) {
    if (!this.accounts.has(name)) this.accounts.set(name, { record: null, known: false, generation: 0 });
    return this.accounts.get(name);
  }

  /** 32 bytes for one use, from the scenario's seed. */
  expand(label) {
    return createHash('sha256').update(`cofactor simulate\0${this.seed}\0${label}`).digest('hex');
  }
}

/** What later lines may refer to. */
function remember(account, outcome) {
  const [[kind, it]] = Object.entries(outcome);
  const found = {
    allow: () => ({ $session: it.claims, $credential: it.credential }),
    challenge: () => ({ $challenge: it.id }),
    pending: () => ({ $challenge: it.challenge }),
    enrol: () => ({ $challenge: it.provisioning?.challenge }),
    done: () => ({ $credential: it.credential }),
  }[kind]?.();
  for (const [name, value] of Object.entries(found ?? {})) if (value !== undefined) account[name] = value;
}

/** Puts what an earlier line brought in the place of its name. */
function refer(value, account) {
  if (Array.isArray(value)) return value.map((item) => refer(item, account));
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, refer(item, account)]));
  }
  return ['$challenge', '$credential', '$session'].includes(value) ? account[value] : value;
}

/** JSON with sorted keys, as every host prints it. */
function print(value) {
  const sorted = (_, item) =>
    item !== null && typeof item === 'object' && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([one], [other]) => (one < other ? -1 : 1)))
      : item;
  console.log(JSON.stringify(value, sorted));
}

const component = await import('./component/cofactor.js');
const verifier = new Verifier(component, readFileSync(new URL('./types.wit', import.meta.url), 'utf8'));
for (const path of process.argv.slice(2)) {
  const lines = readFileSync(path, 'utf8').split('\n');
  let scenario;
  for (const [number, line] of lines.entries()) {
    if (!line.trim() || line.startsWith('#')) continue;
    if (scenario) print(scenario.happen(number, JSON.parse(line)));
    else scenario = new Scenario(verifier, JSON.parse(line));
  }
}
