import fc from 'fast-check';

const LINES = [
  'Host web', 'Host *', 'Host !web *', 'Host "w?b" other', 'Host=web', 'Match all', 'Match host web', 'Match final', 'Match canonical all', 'Match !user me originalhost w*', 'Match exec "touch /x"', 'Match localnetwork 10.0.0.0/8',
  'HostName %h.example', 'HostName %q', 'Hostname web', 'Port 22', 'Port = 2200', 'Port x', 'PORT "22"', 'User me', 'User "a b" # c', 'User a b', 'ProxyJump me@a:1,b', 'ProxyJump none', 'ProxyCommand sh -c "nc %h %p"',
  'LocalForward 8080 localhost:80', 'LocalForward [::1]:8080 "db:5432"', 'LocalForward /tmp/%n.sock /run/x', 'LocalForward 8080', 'RemoteForward 9000', 'RemoteForward 0 localhost:80', 'DynamicForward *:1080', 'DynamicForward 1 2',
  'ClearAllForwardings yes', 'Include x', 'IdentityFile ~/.ssh/%d', 'CanonicalizeHostname yes', 'IgnoreUnknown Brand*', 'Brandnew 1', 'ServerAliveInterval 15', 'StrictHostKeyChecking accept-new', 'Ciphers +aes128-cbc',
  'PermitRemoteOpen any', 'KexAlgorithms -*', 'HostKeyAlias Alias', 'SetEnv A=b', '# comment', '',
];
const NOISE = ['"', '\'', '\\', '=', '#', ' ', '\t', '\f', '\r', ',', '!', '*', '%', '%%', '${', '${HOME}', '~', ':', '[', ']', '/', '\0', '-', '99999', 'yes', '日本'];

const properLines = fc.constantFrom(...LINES);
const damagedLines = fc.record({ line: properLines, at: fc.nat(60), lost: fc.nat(3), noise: fc.oneof(fc.constantFrom(...NOISE), fc.string({ unit: 'binary', maxLength: 4 })) })
  .map(({ line, at, lost, noise }) => withoutLineEnds(`${line.slice(0, at % (line.length + 1))}${noise}${line.slice((at % (line.length + 1)) + lost)}`));
/** Signs of ssh_config without any sense. */
export const noiseLines = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.array(fc.constantFrom(...NOISE), { maxLength: 12, size: 'max' }).map((parts) => parts.join(''))).map(withoutLineEnds);
/** Lines of ssh_config, good, damaged and senseless. */
export const configLines = fc.oneof({ weight: 3, arbitrary: properLines }, { weight: 2, arbitrary: damagedLines }, { weight: 1, arbitrary: noiseLines });

function withoutLineEnds(text: string): string {
  return text.replaceAll('\n', '');
}
