// Comes and goes: nothing is kept for long, and nobody is woken.
using '../../relay.bicep'

param environment = 'test'
param monitoring = false
