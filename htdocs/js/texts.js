// texts.js -- everything that the page says, in each language. A new language is one more block here.

const en = {
    // coming in
    enter_lead: 'Choose a name and join the conversation.',
    your_name: 'Your name', password: 'Password',
    enter_guest: 'Join', enter_account: 'Log in', enter_new: 'Make the account',
    make_account: 'Make an account', without_account: 'Join as a guest',
    name_missing: 'Please enter a name.', password_missing: 'Please enter the password.',
    name_has_account: 'This name has an account. Please enter its password.',
    name_taken: 'Somebody else has this name now.',
    // frame
    skip: 'Skip to writing', rooms: 'Rooms', direct_rooms: 'Direct messages', online: 'Online', browse: 'Rooms: join or make one',
    new_direct: 'Write to somebody', jump_to: 'Jump to…', jump_hint: 'A room or a person', settings: 'Settings', guest: 'Guest', account: 'Account',
    unread: {one: '{n} unread message', other: '{n} unread messages'},
    room_info: 'About this room', members: 'Members', search_people: 'Search people', show_more: 'Show more', you: 'you',
    // connection
    lost: 'No connection. Trying again…', lost_retry: {one: 'No connection. Next try in {n} second.', other: 'No connection. Next try in {n} seconds.'},
    try_now: 'Try now',
    // conversation
    messages: 'Messages', today: 'Today', yesterday: 'Yesterday', new_messages: 'New messages', empty_room: 'Nothing has been said here yet. Say hello!',
    down: 'To the newest message', down_new: {one: '{n} new message', other: '{n} new messages'},
    deleted: 'This message was deleted', edited: 'edited {time}', actions: 'What to do with this message', edit: 'Edit', delete: 'Delete',
    pending: 'Not sent yet', deleting: 'Being deleted', delivered: 'Delivered', failed: 'Not sent', seen_by: 'Seen by {names}',
    not_sent: 'Not sent: {why}', try_again: 'Try again', discard: 'Discard',
    delete_title: 'Delete this message?', delete_text: 'It is deleted for everybody and cannot be brought back.',
    typing: {one: '{names} is typing…', other: '{names} are typing…'}, many_typing: 'Several people are typing…',
    // writing
    write: 'Message', write_to: 'Message {name}', send: 'Send', emoji: 'Emoji', no_emoji: 'This server has no emoji picker.', suggestions: 'Suggestions', save: 'Save', cancel: 'Cancel',
    edit_hint: 'Enter saves, Esc cancels',
    // rooms
    join_room: 'Join a room', new_room: 'Make a room', no_rooms: 'You are in every public room.', join: 'Join', room_name: 'Name', topic: 'Topic',
    private_room: 'Private: only those who are added', make_room: 'Make the room', leave_room: 'Leave this room', add_person: 'Add somebody by name',
    add: 'Add', no_such_person: 'Nobody has this name.', loading: 'Loading…', close: 'Close',
    // settings
    look: 'Look and keys', theme: 'Colours', theme_auto: 'As the system', theme_dark: 'Dark', theme_light: 'Light', language: 'Language',
    lang_auto: 'As the browser', keyboard: 'Keyboard', enter_sends: 'Enter sends, Shift+Enter breaks the line', shift_sends: 'Enter breaks the line, Shift+Enter sends',
    notices: 'Notices', notices_desktop: 'Notices on the desktop', notices_sound: 'A soft sound', notices_when: 'For direct messages and messages with your name, while you look elsewhere.',
    notices_refused: 'The browser does not allow it. Its settings for this page can change that.',
    log_out: 'Log out', log_out_everywhere: 'Log out everywhere', display_name: 'Shown name', old_password: 'Password until now', new_password: 'New password',
    change_password: 'Change the password', guest_text: 'You are a guest: the name is yours until a day after you were last here. With a password it stays yours, and so does all you have written.',
    // keys
    shortcuts: 'Keyboard shortcuts', key_jump: 'Jump to a room or person', key_before: 'Room before', key_after: 'Next room', key_send: 'Send',
    key_break: 'New line', key_edit: 'Edit your last message (while the field is empty)', key_name: 'Complete a name', key_emoji: 'Complete an emoji', key_close: 'Close, cancel', key_help: 'This list',
    // errors
    error_offline: 'The server cannot be reached.', error_bad_credentials: 'Name or password is wrong.', error_bad_name: 'This name is not possible: letters, digits and . _ - please.',
    error_name_taken: 'This name is taken.', error_weak_password: 'This password is too easy: eight characters at least.', error_rate_limited: 'Too many tries. Please wait {seconds} seconds.',
    error_too_long: 'The text is too long.', error_empty: 'There is no text.', error_forbidden: 'You may not do this.', error_not_found: 'It is not there any more.',
    error_already_deleted: 'The message is deleted.', error_storage_unavailable: 'The server cannot save anything now.', error_draining: 'The server restarts.', error_overloaded: 'The server has too much to do. Please try again soon.',
    error_unauthorized: 'Please log in again.', error_bad_origin: 'This page may not do this.', error_bad_frame: 'The server does not understand this.', error_bad_json: 'The server does not understand this.',
    error_unknown_type: 'The server does not understand this.', error_too_large: 'It is too large.', error_conflict: 'Somebody was faster.', error_internal: 'The server made a mistake.'
};

const de = {
    enter_lead: 'Wähle einen Namen und rede mit.',
    your_name: 'Dein Name', password: 'Passwort',
    enter_guest: 'Eintreten', enter_account: 'Anmelden', enter_new: 'Konto anlegen',
    make_account: 'Konto anlegen', without_account: 'Als Gast eintreten',
    name_missing: 'Bitte gib einen Namen ein.', password_missing: 'Bitte gib das Passwort ein.',
    name_has_account: 'Dieser Name hat ein Konto. Bitte gib das Passwort ein.',
    name_taken: 'Diesen Namen hat gerade jemand anderes.',
    skip: 'Zum Schreiben springen', rooms: 'Räume', direct_rooms: 'Direktnachrichten', online: 'Online', browse: 'Räume: beitreten oder anlegen',
    new_direct: 'Jemandem schreiben', jump_to: 'Springen zu …', jump_hint: 'Ein Raum oder eine Person', settings: 'Einstellungen', guest: 'Gast', account: 'Konto',
    unread: {one: '{n} ungelesene Nachricht', other: '{n} ungelesene Nachrichten'},
    room_info: 'Über diesen Raum', members: 'Mitglieder', search_people: 'Personen suchen', show_more: 'Mehr zeigen', you: 'du',
    lost: 'Keine Verbindung. Neuer Versuch …', lost_retry: {one: 'Keine Verbindung. Nächster Versuch in {n} Sekunde.', other: 'Keine Verbindung. Nächster Versuch in {n} Sekunden.'},
    try_now: 'Jetzt versuchen',
    messages: 'Nachrichten', today: 'Heute', yesterday: 'Gestern', new_messages: 'Neue Nachrichten', empty_room: 'Hier hat noch niemand etwas gesagt. Sag hallo!',
    down: 'Zur neuesten Nachricht', down_new: {one: '{n} neue Nachricht', other: '{n} neue Nachrichten'},
    deleted: 'Diese Nachricht wurde gelöscht', edited: 'bearbeitet {time}', actions: 'Was mit dieser Nachricht geschehen soll', edit: 'Bearbeiten', delete: 'Löschen',
    pending: 'Noch nicht gesendet', deleting: 'Wird gelöscht', delivered: 'Zugestellt', failed: 'Nicht gesendet', seen_by: 'Gesehen von {names}',
    not_sent: 'Nicht gesendet: {why}', try_again: 'Noch einmal', discard: 'Verwerfen',
    delete_title: 'Diese Nachricht löschen?', delete_text: 'Sie wird für alle gelöscht und lässt sich nicht zurückholen.',
    typing: {one: '{names} schreibt …', other: '{names} schreiben …'}, many_typing: 'Mehrere schreiben …',
    write: 'Nachricht', write_to: 'Nachricht an {name}', send: 'Senden', emoji: 'Emoji', no_emoji: 'Dieser Server hat keine Emoji-Auswahl.', suggestions: 'Vorschläge', save: 'Speichern', cancel: 'Abbrechen',
    edit_hint: 'Enter speichert, Esc bricht ab',
    join_room: 'Einem Raum beitreten', new_room: 'Einen Raum anlegen', no_rooms: 'Du bist in allen öffentlichen Räumen.', join: 'Beitreten', room_name: 'Name', topic: 'Thema',
    private_room: 'Privat: nur wer hinzugefügt wird', make_room: 'Raum anlegen', leave_room: 'Diesen Raum verlassen', add_person: 'Jemanden mit Namen hinzufügen',
    add: 'Hinzufügen', no_such_person: 'Niemand heißt so.', loading: 'Lädt …', close: 'Schließen',
    look: 'Aussehen und Tasten', theme: 'Farben', theme_auto: 'Wie das System', theme_dark: 'Dunkel', theme_light: 'Hell', language: 'Sprache',
    lang_auto: 'Wie der Browser', keyboard: 'Tastatur', enter_sends: 'Enter sendet, Umschalt+Enter bricht um', shift_sends: 'Enter bricht um, Umschalt+Enter sendet',
    notices: 'Hinweise', notices_desktop: 'Hinweise auf dem Schreibtisch', notices_sound: 'Ein leiser Ton', notices_when: 'Bei Direktnachrichten und Nachrichten mit deinem Namen, während du woanders hinsiehst.',
    notices_refused: 'Der Browser erlaubt es nicht. In seinen Einstellungen für diese Seite lässt sich das ändern.',
    log_out: 'Abmelden', log_out_everywhere: 'Überall abmelden', display_name: 'Angezeigter Name', old_password: 'Bisheriges Passwort', new_password: 'Neues Passwort',
    change_password: 'Passwort ändern', guest_text: 'Du bist Gast: Der Name gehört dir, bis du einen Tag nicht hier warst. Mit einem Passwort bleibt er deiner, und alles, was du geschrieben hast.',
    shortcuts: 'Tastenkürzel', key_jump: 'Zu einem Raum oder einer Person springen', key_before: 'Voriger Raum', key_after: 'Nächster Raum', key_send: 'Senden',
    key_break: 'Neue Zeile', key_edit: 'Letzte eigene Nachricht bearbeiten (bei leerem Feld)', key_name: 'Namen vervollständigen', key_emoji: 'Emoji vervollständigen', key_close: 'Schließen, abbrechen', key_help: 'Diese Liste',
    error_offline: 'Der Server ist nicht erreichbar.', error_bad_credentials: 'Name oder Passwort ist falsch.', error_bad_name: 'Dieser Name geht nicht: bitte Buchstaben, Ziffern und . _ -',
    error_name_taken: 'Dieser Name ist vergeben.', error_weak_password: 'Dieses Passwort ist zu einfach: mindestens acht Zeichen.', error_rate_limited: 'Zu viele Versuche. Bitte warte {seconds} Sekunden.',
    error_too_long: 'Der Text ist zu lang.', error_empty: 'Da ist kein Text.', error_forbidden: 'Das darfst du nicht.', error_not_found: 'Das gibt es nicht mehr.',
    error_already_deleted: 'Die Nachricht ist gelöscht.', error_storage_unavailable: 'Der Server kann gerade nichts speichern.', error_draining: 'Der Server startet neu.', error_overloaded: 'Der Server hat zu viel zu tun. Bitte versuche es bald wieder.',
    error_unauthorized: 'Bitte melde dich neu an.', error_bad_origin: 'Diese Seite darf das nicht.', error_bad_frame: 'Der Server versteht das nicht.', error_bad_json: 'Der Server versteht das nicht.',
    error_unknown_type: 'Der Server versteht das nicht.', error_too_large: 'Das ist zu groß.', error_conflict: 'Jemand war schneller.', error_internal: 'Der Server hat einen Fehler gemacht.'
};

export const texts = {en, de};
