export class Notices{static ask(){return false}}
