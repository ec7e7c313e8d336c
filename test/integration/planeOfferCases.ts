/** One configuration, to be tried by `ssh` and by the plane against the same server. */
export interface OfferCase {
  readonly name: string;
  /** ssh_config for the host; DIR is the folder of the keys, AGENT the agent's socket. */
  readonly config: readonly string[];
  /** Keys in the agent behind SSH_AUTH_SOCK, in the order of adding; no agent without it. */
  readonly agent?: readonly string[];
  /** Keys in ~/.ssh, as file name → key. */
  readonly home?: Readonly<Record<string, string>>;
  /** The server that is asked: one that takes keys, one with MaxAuthTries 3, or one that takes passwords too. */
  readonly server?: 'strict' | 'passwords';
  /** The sequence that both must show: `key from agent`, `key from file`, or a method. */
  readonly offers: readonly string[];
}

const ANY_HOME = { id_rsa: 'rsa', id_ecdsa: 'ecdsa', id_ed25519: 'one' };
const ONE_PROMPT = 'NumberOfPasswordPrompts 1';

/**
 * The keys: one, two, three, rsa and ecdsa with their .pub; loose: with too open permissions; pem and pkcs8: RSA without
 * .pub; loosepem: both; locked and lockedpem: with a passphrase, the second without .pub; gone: its private part is in agents
 * alone; crossed: its .pub is that of `three`; accepted, lockedaccepted and looseaccepted: the server lets them in.
 */
export const OFFER_CASES: readonly OfferCase[] = [
  { name: 'several files', config: ['IdentityFile DIR/two', 'IdentityFile DIR/one', 'IdentityFile DIR/rsa'], offers: ['two from file', 'one from file', 'rsa from file'] },
  { name: 'the same file twice', config: ['IdentityFile DIR/two', 'IdentityFile DIR/one', 'IdentityFile DIR/two'], offers: ['two from file', 'one from file'] },
  { name: 'files of two blocks', config: ['IdentityFile DIR/one', 'Host *', 'IdentityFile DIR/two'], offers: ['one from file', 'two from file'] },
  { name: 'a file that is let in', config: ['IdentityFile DIR/one', 'IdentityFile DIR/accepted', 'IdentityFile DIR/two'], offers: ['one from file', 'accepted from file'] },
  { name: 'the default files', home: ANY_HOME, config: [], offers: ['rsa from file', 'ecdsa from file', 'one from file'] },
  { name: 'the default files, one in the agent', home: ANY_HOME, agent: ['two', 'one'], config: [], offers: ['one from agent', 'two from agent', 'rsa from file', 'ecdsa from file'] },
  { name: 'the default files alone', home: ANY_HOME, agent: ['two', 'ecdsa'], config: ['IdentitiesOnly yes'], offers: ['ecdsa from agent', 'rsa from file', 'one from file'] },
  { name: 'a missing file instead of the defaults', home: ANY_HOME, config: ['IdentityFile DIR/missing'], offers: [] },
  { name: 'a missing file and an agent', home: ANY_HOME, agent: ['two'], config: ['IdentityFile DIR/missing'], offers: ['two from agent'] },
  { name: 'a missing file alone', home: ANY_HOME, agent: ['two'], config: ['IdentityFile DIR/missing', 'IdentitiesOnly yes'], offers: [] },
  { name: 'no file', home: ANY_HOME, agent: ['two'], config: ['IdentityFile none'], offers: ['two from agent'] },
  { name: 'a file in the agent first', agent: ['two', 'one', 'rsa'], config: ['IdentityFile DIR/three', 'IdentityFile DIR/one'], offers: ['one from agent', 'two from agent', 'rsa from agent', 'three from file'] },
  { name: 'files in the order of the agent', agent: ['one', 'three', 'two'], config: ['IdentityFile DIR/two', 'IdentityFile DIR/one'], offers: ['one from agent', 'two from agent', 'three from agent'] },
  { name: 'IdentitiesOnly', agent: ['one', 'three', 'two'], config: ['IdentityFile DIR/ecdsa', 'IdentityFile DIR/two', 'IdentitiesOnly yes'], offers: ['two from agent', 'ecdsa from file'] },
  { name: 'an agent key that is let in', agent: ['one', 'accepted', 'two'], config: ['IdentityFile DIR/three'], offers: ['one from agent', 'accepted from agent'] },
  { name: 'keys of every type in the agent', agent: ['rsa', 'ecdsa', 'one'], config: ['IdentityFile none'], offers: ['rsa from agent', 'ecdsa from agent', 'one from agent'] },
  { name: '.pub beside a key of the agent', agent: ['one', 'gone'], config: ['IdentityFile DIR/gone', 'IdentitiesOnly yes'], offers: ['gone from agent'] },
  { name: '.pub itself as the file', agent: ['one', 'gone'], config: ['IdentityFile DIR/gone.pub', 'IdentitiesOnly yes'], offers: ['gone from agent'] },
  { name: '.pub of a key that nobody has', config: ['IdentityFile DIR/gone', 'IdentityFile DIR/two'], offers: ['gone from file', 'two from file'] },
  { name: '.pub of another key', config: ['IdentityFile DIR/crossed', 'IdentityFile DIR/one'], offers: ['three from file', 'one from file'] },
  { name: 'IdentityAgent none', agent: ['one'], config: ['IdentityAgent none', 'IdentityFile DIR/two'], offers: ['two from file'] },
  { name: 'IdentityAgent SSH_AUTH_SOCK', agent: ['one'], config: ['IdentityAgent SSH_AUTH_SOCK', 'IdentityFile DIR/two'], offers: ['one from agent', 'two from file'] },
  { name: 'IdentityAgent with a path', agent: ['one'], config: ['IdentityAgent AGENT', 'IdentityFile DIR/two'], offers: ['one from agent', 'two from file'] },
  { name: 'IdentityAgent with a variable', agent: ['one'], config: ['IdentityAgent $SSH_AUTH_SOCK', 'IdentityFile DIR/two'], offers: ['one from agent', 'two from file'] },
  { name: 'IdentityAgent that is not there', agent: ['one'], config: ['IdentityAgent DIR/missing', 'IdentityFile DIR/two'], offers: ['two from file'] },
  { name: 'encrypted, refused', config: ['IdentityFile DIR/locked', 'IdentityFile DIR/one'], offers: ['locked from file', 'one from file'] },
  { name: 'encrypted, let in', config: ['IdentityFile DIR/one', 'IdentityFile DIR/lockedaccepted'], offers: ['one from file', 'lockedaccepted from file'] },
  { name: 'PEM without .pub', config: ['IdentityFile DIR/pem', 'IdentityFile DIR/one'], offers: ['pem from file', 'one from file'] },
  { name: 'PKCS#8 without .pub', config: ['IdentityFile DIR/pkcs8', 'IdentityFile DIR/one'], offers: ['pkcs8 from file', 'one from file'] },
  { name: 'encrypted PEM without .pub', config: ['IdentityFile DIR/one', 'IdentityFile DIR/lockedpem'], offers: ['one from file', 'lockedpem from file'] },
  { name: 'too open permissions, refused', config: ['IdentityFile DIR/loose', 'IdentityFile DIR/one'], offers: ['loose from file', 'one from file'] },
  { name: 'too open permissions, let in', config: ['IdentityFile DIR/looseaccepted', 'IdentityFile DIR/one'], offers: ['looseaccepted from file', 'one from file'] },
  { name: 'too open permissions without .pub', config: ['IdentityFile DIR/loosepem', 'IdentityFile DIR/one'], offers: ['one from file'] },
  { name: 'more keys than MaxAuthTries', server: 'strict', agent: ['rsa', 'one', 'two', 'three', 'ecdsa'], config: ['IdentityFile DIR/accepted'], offers: ['rsa from agent', 'one from agent', 'two from agent'] },
  { name: 'the right key within MaxAuthTries', server: 'strict', agent: ['rsa', 'one', 'two', 'accepted'], config: ['IdentityFile DIR/accepted', 'IdentitiesOnly yes'], offers: ['accepted from agent'] },
  { name: 'PubkeyAuthentication no', server: 'passwords', agent: ['one'], config: ['PubkeyAuthentication no', ONE_PROMPT], offers: ['keyboard-interactive', 'password'] },
  { name: 'PasswordAuthentication no', server: 'passwords', config: ['IdentityFile DIR/one', 'PasswordAuthentication no'], offers: ['one from file', 'keyboard-interactive'] },
  { name: 'KbdInteractiveAuthentication no', server: 'passwords', config: ['IdentityFile DIR/one', 'KbdInteractiveAuthentication no', ONE_PROMPT], offers: ['one from file', 'password'] },
  { name: 'every method', server: 'passwords', config: ['IdentityFile DIR/one', ONE_PROMPT], offers: ['one from file', 'keyboard-interactive', 'password'] },
  { name: 'two password prompts', server: 'passwords', config: ['IdentityFile none', 'NumberOfPasswordPrompts 2'], offers: ['keyboard-interactive', 'password', 'password'] },
  { name: 'password preferred', server: 'passwords', config: ['PreferredAuthentications password,publickey', 'IdentityFile DIR/one', ONE_PROMPT], offers: ['password', 'one from file'] },
  { name: 'keyboard-interactive preferred', server: 'passwords', config: ['PreferredAuthentications keyboard-interactive,password,publickey', 'IdentityFile DIR/one', ONE_PROMPT], offers: ['keyboard-interactive', 'password', 'one from file'] },
  { name: 'keys alone preferred', server: 'passwords', config: ['PreferredAuthentications publickey', 'IdentityFile DIR/one'], offers: ['one from file'] },
];
