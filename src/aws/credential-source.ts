/** Which credentials may be used: only the instance's own role, any role's temporary ones, or any at all. */
export const CREDENTIAL_SOURCES = ['instance-role', 'role', 'any'] as const
export type CredentialSource = (typeof CREDENTIAL_SOURCES)[number]
