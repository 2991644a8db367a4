/* Requests of this process that wait for something from outside: most threads must stay free for others. */
#ifndef MTO_WAITING_H
#define MTO_WAITING_H

/* Takes one of `most` places to wait in, for whatever; 0: all are taken. Any thread. */
int mto_waiting_enter(unsigned most);

/* Gives it back. */
void mto_waiting_leave(void);

#endif
