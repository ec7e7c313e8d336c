/** Why a key of this type (RFC 4253 section 6.6) cannot log in here, to follow a name and a colon; undefined when it can. */
export function unusableBecause(keyType: string): string | undefined {
  if (keyType.includes('-cert-v0')) return 'it is a certificate, which is not supported';
  if (keyType.startsWith('sk-')) return 'it lives on a FIDO security key, which is not supported';
  if (keyType === 'ssh-dss') return 'it is a DSA key, which servers no longer accept';
  const isUsable = keyType === 'ssh-ed25519' || keyType === 'ssh-rsa' || /^ecdsa-sha2-nistp(?:256|384|521)$/.test(keyType);
  return isUsable ? undefined : `keys of the type ${keyType} are not supported`;
}
