// A sign-in with Cofactor's component, from Node: enrol a token, type its code, type it again.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as component from './component/cofactor.js'; // cofactor component --write cofactor.wasm && npm run transpile
import { Verifier } from './cofactor.mjs';

const random = (length) => randomBytes(length).toString('hex');
const verifier = new Verifier(component, readFileSync('types.wit', 'utf8'));
const policy = verifier.compilePolicy('').bytes;
const keys = [{ id: 1, secret: random(32) }]; // One for each account, kept by the host.
let record = null; // The account: what the host stores, unread.

/** One event: judged, then stored before anything is said. */
function step(action) {
  const context = { now: Date.now(), entropy: random(32), policy, tenant: 'example', keys };
  const origin = { user: 'alice', known: record !== null, application: 'intranet', gateway: 'node', binding: '00'.repeat(32) };
  const transition = verifier.step(context, record, { id: random(16), origin, action });
  record = transition.account.write ?? record;
  return transition.outcome;
}

const issue = { issue: { method: 'totp', label: 'Phone' } };
const issued = step({ administer: { actor: 'admin', why: 'example', change: issue } });
const code = execFileSync('oathtool', ['--totp', '-b', issued.done.provisioning['manual-key']], { encoding: 'utf8' }).trim();
for (let time = 0; time < 2; time++) {
  const outcome = step({ begin: { surface: ['prompt'], 'early-answer': code } });
  console.log(code, Object.keys(outcome)[0], outcome.allow?.claims.amr ?? '');
}
