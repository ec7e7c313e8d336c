import * as vscode from 'vscode';
import { ForwardError } from '../core/failure.ts';
import { hasLogin, type ForwardDefinition } from '../core/forward.ts';
import { listensOnServer, portCountOf, type ForwardSpec } from '../core/forwardSpec.ts';
import { formatDestination, formatForward } from '../core/forwardText.ts';
import { formatEndpoints } from '../core/portRange.ts';
import { formatDestinations, isWide } from './describeSpec.ts';
import type { PromptQueue } from './promptQueue.ts';

const MEMENTO_KEY = 'allowedBinds';

/** Asks once for each forward that other machines could reach; the consent stays on this computer and does not travel with the settings. */
export class BindConsent {
  readonly #state: vscode.Memento;
  readonly #queue: PromptQueue;

  constructor(state: vscode.Memento, queue: PromptQueue) {
    this.#state = state;
    this.#queue = queue;
  }

  /** Settles when the forward may listen; rejects with `bind-not-allowed` when the user says no. */
  async require(definition: ForwardDefinition, signal: AbortSignal): Promise<void> {
    if (!isWide(definition.spec) || this.#isAllowed(definition)) return;
    const isAllowed = await this.#queue.run(() => this.#ask(definition), signal);
    if (isAllowed !== true) {
      const address = placeOf(definition.spec);
      throw new ForwardError('bind-not-allowed', `listening on ${address} was not allowed`, { context: { address } });
    }
  }

  /** While the question waited its turn, an earlier one about the same forward may have been answered. */
  async #ask(definition: ForwardDefinition): Promise<boolean> {
    if (this.#isAllowed(definition)) return true;
    if (!(await ask(definition))) return false;
    await this.#state.update(MEMENTO_KEY, [...this.#allowed(), keyOf(definition, hasLogin(definition))]);
    return true;
  }

  #isAllowed(definition: ForwardDefinition): boolean {
    const allowed = this.#allowed();
    return allowed.includes(keyOf(definition, false)) || (hasLogin(definition) && allowed.includes(keyOf(definition, true)));
  }

  #allowed(): readonly string[] {
    return this.#state.get<readonly string[]>(MEMENTO_KEY, []);
  }
}

/** The consent is for this forward with these poles; another address or destination asks anew, and so does a proxy that lets in everybody after one with a login. */
function keyOf({ id, spec }: ForwardDefinition, isWithLogin: boolean): string {
  return JSON.stringify(isWithLogin ? [id, spec, 'login'] : [id, spec]);
}

async function ask(definition: ForwardDefinition): Promise<boolean> {
  const { name, spec } = definition;
  const chosen = await vscode.window.showWarningMessage(
    `${name === '' ? formatForward(spec) : name} will be reachable from other machines on ${placeOf(spec)}.`,
    { modal: true, detail: describeRisk(spec, hasLogin(definition) ? ' and knows its login' : '') },
    'Allow for This Forward',
  );
  return chosen !== undefined;
}

function placeOf(spec: ForwardSpec): string {
  const address = `${spec.kind === 'udp' ? 'UDP ' : ''}${formatEndpoints(spec.listen, portCountOf(spec))}`;
  return listensOnServer(spec) ? `${address} of ${formatDestination(spec.target)}` : address;
}

function describeRisk(spec: ForwardSpec, condition: string): string {
  switch (spec.kind) {
    case 'local':
    case 'relay':
      return 'Anyone who can reach this computer over the network can then use it. Without an address, only programs on this computer can.';
    case 'udp':
      return `Anyone who can reach this computer over the network can then send datagrams through it to ${formatDestinations(spec)}, and the senders' addresses can be forged. Without an address, only programs on this computer can.`;
    case 'dynamic':
      return `Anyone who can reach this computer over the network${condition} can then go through the server to wherever it can connect. Without an address, only programs on this computer can.`;
    case 'remote':
      return `Anyone who can reach the server can then connect to ${formatDestinations(spec)} from this computer, if GatewayPorts in its sshd_config allows it. Without an address, only programs on the server can.`;
    case 'remote-dynamic':
      return `Anyone who can reach the server${condition} can then go out through this computer, into your own network too, if GatewayPorts in its sshd_config allows it. Without an address, only programs on the server can.`;
  }
}
