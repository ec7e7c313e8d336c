import { readFile, stat } from 'node:fs/promises';
import type { SshIdentity } from '../core/sshTarget.ts';
import { untrustedText } from '../core/failure.ts';
import { unusableBecause } from '../core/keyTypes.ts';
import { DEFAULT_IDENTITY_FILES } from './configDefaults.ts';
import { parsePublicKeyText, publicKeyOfPrivateKey, type PublicKey } from './publicKeyText.ts';

const MAX_KEY_BYTES = 1024 * 1024;

/** One IdentityFile line, expanded. */
export interface IdentityFileSetting {
  /** As ssh_config has it. */
  readonly configured: string;
  readonly path: string;
}

export interface FoundIdentities {
  readonly identities: readonly SshIdentity[];
  /** The key files that exist and cannot be used: the path, a colon and the reason. */
  readonly unusable: readonly string[];
  /** What was left out and why, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * The configured identities that exist and can be used, in their order. A configured file that is missing is left out
 * and nothing takes its place, as with ssh. No private part is looked at.
 */
export async function findIdentities(settings: readonly IdentityFileSetting[]): Promise<FoundIdentities> {
  const found = await Promise.all(settings.map(readIdentity));
  return {
    identities: found.flatMap(({ identity }) => identity ?? []),
    unusable: found.flatMap(({ unusable }) => unusable ?? []),
    notes: found.flatMap(({ notes }) => notes ?? []),
  };
}

interface ReadIdentity {
  readonly identity?: SshIdentity;
  readonly unusable?: string;
  readonly notes?: readonly string[];
}

async function readIdentity({ configured, path }: IdentityFileSetting): Promise<ReadIdentity> {
  const shown = untrustedText(path, 200);
  const own = await readIfFile(path);
  const beside = await readIfFile(`${path}.pub`);
  if (own === undefined && beside === undefined && !(await isFile(path))) {
    return DEFAULT_IDENTITY_FILES.includes(configured) ? {} : { notes: [`The identity file ${shown} does not exist.`] };
  }
  // The order of sshkey_load_public in OpenSSH's authfile.c: the file itself, the one beside it, the private key's head.
  const ownKey = own === undefined ? undefined : parsePublicKeyText(own);
  const key = ownKey ?? parse(beside, parsePublicKeyText) ?? parse(own, publicKeyOfPrivateKey);
  const reason = key === undefined ? undefined : unusableBecause(key.type);
  if (reason !== undefined) return { unusable: `${shown}: ${reason}`, notes: [`The identity file ${shown} is left out: ${reason}.`] };
  const isAgentOnly = ownKey !== undefined || (own === undefined && !(await isFile(path)));
  const identity = { path, ...(key === undefined ? {} : { publicKey: key.key }), ...(isAgentOnly ? { isAgentOnly: true as const } : {}) };
  const hasCertificate = await isFile(`${path}-cert.pub`);
  return hasCertificate ? { identity, notes: [`The certificate ${shown}-cert.pub is not used: certificates are not supported.`] } : { identity };
}

function parse(text: string | undefined, parser: (text: string) => PublicKey | undefined): PublicKey | undefined {
  return text === undefined ? undefined : parser(text);
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then((stats) => stats.isFile(), () => false);
}

async function readIfFile(path: string): Promise<string | undefined> {
  try {
    const stats = await stat(path);
    // A pipe or device could block for ever.
    return stats.isFile() && stats.size <= MAX_KEY_BYTES ? await readFile(path, 'latin1') : undefined;
  } catch {
    return undefined;
  }
}
