export const MAX_EMAIL_LENGTH = 254;

/** The one form in which an e-mail address is stored, looked up and compared. */
export function normaliseEmail(email: string): string {
  return email.normalize('NFC').trim().toLowerCase().normalize('NFC');
}
