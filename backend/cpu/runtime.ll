; The native runtime: tables of commands and the threads that share large ones.
; `pool.py` puts numbers and the machine's own instructions where names in braces stand.
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_broadcast(ptr)
declare i32 @sched_yield()
declare i32 @clock_gettime(i32, ptr)
declare i32 @getpid()
${declare}

; Takes parts of the present job until none is left; gives the last state seen.
define i64 @tulle_work(ptr %pool) {
  br label %look
look:
  %state = load atomic i64, ptr %pool acquire, align 8
  %job = lshr i64 %state, 32
  %part = and i64 %state, 4294967295
  %slot = and i64 %job, 63
  %words = shl i64 %slot, 3
  %place = add i64 %words, ${first}
  %at = getelementptr i64, ptr %pool, i64 %place
  %parts_at = getelementptr i64, ptr %at, i64 4
  %parts = load atomic i64, ptr %parts_at monotonic, align 8
  %left = icmp ult i64 %part, %parts
  br i1 %left, label %claim, label %none
none:
  ret i64 %state
claim:
  %next = add i64 %state, 1
  %pair = cmpxchg ptr %pool, i64 %state, i64 %next acq_rel acquire
  %won = extractvalue { i64, i1 } %pair, 1
  br i1 %won, label %run, label %look
run:
  %entry = load ptr, ptr %at
  %args_at = getelementptr i64, ptr %at, i64 1
  %args = load ptr, ptr %args_at
  %total_at = getelementptr i64, ptr %at, i64 2
  %total = load i64, ptr %total_at
  %length_at = getelementptr i64, ptr %at, i64 3
  %length = load i64, ptr %length_at
  %start = mul i64 %part, %length
  %end = add i64 %start, %length
  %short = icmp slt i64 %end, %total
  %stop = select i1 %short, i64 %end, i64 %total
  %mode_at = getelementptr i64, ptr %at, i64 6
  %mode = load i64, ptr %mode_at
  call void @tulle_set_float_mode(i64 %mode)
  call void %entry(ptr %args, i64 %start, i64 %stop)
  %done_at = getelementptr i64, ptr %at, i64 5
  %before = atomicrmw add ptr %done_at, i64 1 release
  br label %look
}

; Nanoseconds of a clock that never goes back.
define i64 @tulle_now() {
  %clock = alloca [2 x i64], align 8
  %told = call i32 @clock_gettime(i32 1, ptr %clock)
  %second = load i64, ptr %clock
  %billion = mul i64 %second, 1000000000
  %fraction_at = getelementptr i64, ptr %clock, i64 1
  %fraction = load i64, ptr %fraction_at
  %now = add i64 %billion, %fraction
  ret i64 %now
}

; Notes that a part was waited for longer than the caller had worked: its thread has lost
; its processor to somebody else's work. For a while the caller works alone, twice as long
; when that comes again soon.
define void @tulle_crowded(ptr %pool, i64 %began, i64 %now) {
  %alone_at = getelementptr i64, ptr %pool, i64 ${alone}
  %ended = load atomic i64, ptr %alone_at monotonic, align 8
  %rest_at = getelementptr i64, ptr %pool, i64 ${rest}
  %rest = load atomic i64, ptr %rest_at monotonic, align 8
  %since = sub i64 %began, %ended
  %twice = shl i64 %rest, 1
  %soon = icmp ult i64 %since, %twice
  %least = icmp ugt i64 %twice, ${longest}
  %more = select i1 %least, i64 ${longest}, i64 %twice
  %next = select i1 %soon, i64 %more, i64 ${shortest}
  %until = add i64 %now, %next
  store atomic i64 %next, ptr %rest_at monotonic, align 8
  store atomic i64 %until, ptr %alone_at monotonic, align 8
  ret void
}

; Runs one entry over its axis on all threads; alone while another thread does so, and for
; a while after a thread of the pool was found without a processor.
define void @tulle_parallel(ptr %pool, ptr %entry, ptr %args, i64 %total, i64 %grain) {
  %began = call i64 @tulle_now()
  %alone_at = getelementptr i64, ptr %pool, i64 ${alone}
  %until = load atomic i64, ptr %alone_at monotonic, align 8
  %crowded = icmp slt i64 %began, %until
  br i1 %crowded, label %alone, label %claim
claim:
  %busy_at = getelementptr i64, ptr %pool, i64 ${busy}
  %pair = cmpxchg ptr %busy_at, i64 0, i64 1 acq_rel acquire
  %free = extractvalue { i64, i1 } %pair, 1
  br i1 %free, label %post, label %alone
alone:
  call void %entry(ptr %args, i64 0, i64 %total)
  ret void
post:
  %workers_at = getelementptr i64, ptr %pool, i64 ${workers}
  %workers = load i64, ptr %workers_at
  %threads = add i64 %workers, 1
  %wanted = shl i64 %threads, 2
  %more = sub i64 %wanted, 1
  %raised = add i64 %total, %more
  %even = udiv i64 %raised, %wanted
  %small = icmp ult i64 %even, %grain
  %length = select i1 %small, i64 %grain, i64 %even
  %less = sub i64 %length, 1
  %lifted = add i64 %total, %less
  %parts = udiv i64 %lifted, %length
  %state = load atomic i64, ptr %pool monotonic, align 8
  %last = lshr i64 %state, 32
  %job = add i64 %last, 1
  %slot = and i64 %job, 63
  %words = shl i64 %slot, 3
  %place = add i64 %words, ${first}
  %at = getelementptr i64, ptr %pool, i64 %place
  store ptr %entry, ptr %at
  %args_at = getelementptr i64, ptr %at, i64 1
  store ptr %args, ptr %args_at
  %total_at = getelementptr i64, ptr %at, i64 2
  store i64 %total, ptr %total_at
  %length_at = getelementptr i64, ptr %at, i64 3
  store i64 %length, ptr %length_at
  %mode = call i64 @tulle_float_mode()
  %mode_at = getelementptr i64, ptr %at, i64 6
  store i64 %mode, ptr %mode_at
  %parts_at = getelementptr i64, ptr %at, i64 4
  store atomic i64 %parts, ptr %parts_at monotonic, align 8
  %done_at = getelementptr i64, ptr %at, i64 5
  store atomic i64 0, ptr %done_at monotonic, align 8
  %cpu = call i64 @tulle_cpu(ptr %pool)
  %cpu_at = getelementptr i64, ptr %pool, i64 ${poster}
  store atomic i64 %cpu, ptr %cpu_at monotonic, align 8
  %fresh = shl i64 %job, 32
  store atomic i64 %fresh, ptr %pool seq_cst, align 8
  %sleepers_at = getelementptr i64, ptr %pool, i64 ${sleepers}
  %sleepers = load atomic i64, ptr %sleepers_at seq_cst, align 8
  %asleep = icmp ne i64 %sleepers, 0
  br i1 %asleep, label %wake, label %help
wake:
  %mutex_at = getelementptr i64, ptr %pool, i64 ${mutex}
  %mutex = load ptr, ptr %mutex_at
  %condition_at = getelementptr i64, ptr %pool, i64 ${condition}
  %condition = load ptr, ptr %condition_at
  call i32 @pthread_mutex_lock(ptr %mutex)
  call i32 @pthread_cond_broadcast(ptr %condition)
  call i32 @pthread_mutex_unlock(ptr %mutex)
  br label %help
help:
  call i64 @tulle_work(ptr %pool)
  br label %wait
wait:
  %turn = phi i64 [ 0, %help ], [ %again, %pause ], [ 63, %yield ]
  %since = phi i64 [ 0, %help ], [ %from, %pause ], [ %start, %yield ]
  %done = load atomic i64, ptr %done_at acquire, align 8
  %over = icmp eq i64 %done, %parts
  br i1 %over, label %look, label %go_on
go_on:
  %again = add i64 %turn, 1
  %stage = and i64 %again, 63
  %looks = icmp eq i64 %stage, 0
  br i1 %looks, label %clock, label %pause
clock:
  %now = call i64 @tulle_now()
  %first = icmp eq i64 %since, 0
  %start = select i1 %first, i64 %now, i64 %since
  %waited = sub i64 %now, %start
  %long = icmp ugt i64 %waited, ${waiting}
  br i1 %long, label %yield, label %pause
pause:
  %from = phi i64 [ %since, %go_on ], [ %start, %clock ]
  ${pause}
  br label %wait
yield:
  call i32 @sched_yield()
  br label %wait
look:
  %measured = icmp ne i64 %since, 0
  br i1 %measured, label %judge, label %leave
judge:
  %ended = call i64 @tulle_now()
  %lost = sub i64 %ended, %since
  %worked = sub i64 %since, %began
  %fair = add i64 %worked, ${unfair}
  %unfair = icmp ugt i64 %lost, %fair
  br i1 %unfair, label %note, label %leave
note:
  call void @tulle_crowded(ptr %pool, i64 %began, i64 %ended)
  br label %leave
leave:
  store atomic i64 0, ptr %busy_at release, align 8
  ret void
}

; The processor that the calling thread runs on; -1 where the system does not tell.
define i64 @tulle_cpu(ptr %pool) {
  %get_at = getelementptr i64, ptr %pool, i64 ${get_cpu}
  %get = load ptr, ptr %get_at
  %known = icmp ne ptr %get, null
  br i1 %known, label %ask, label %leave
ask:
  %number = call i32 %get()
  %wide = sext i32 %number to i64
  br label %leave
leave:
  %cpu = phi i64 [ -1, %0 ], [ %wide, %ask ]
  ret i64 %cpu
}

; Keeps a thread off the processor of the one that posted the present job. A system may
; wake it there while others are idle, where it waits for milliseconds. The processors
; that are left are the other ones of the process. Where none is, or the system has more
; than the mask has bits, calls fail and the thread stays where it is. Gives the
; nanosecond of the last attempt: the next is made a while later, for it may be in vain.
define i64 @tulle_apart(ptr %pool, i64 %moved) {
  %mask = alloca [16 x i64], align 8
  %cpu = call i64 @tulle_cpu(ptr %pool)
  %poster_at = getelementptr i64, ptr %pool, i64 ${poster}
  %poster = load atomic i64, ptr %poster_at monotonic, align 8
  %same = icmp eq i64 %cpu, %poster
  %known = icmp ult i64 %cpu, 1024
  %shared = and i1 %same, %known
  br i1 %shared, label %look, label %stay
look:
  %now = call i64 @tulle_now()
  %since = sub i64 %now, %moved
  %rested = icmp ugt i64 %since, ${patience}
  br i1 %rested, label %ask, label %stay
ask:
  %get_at = getelementptr i64, ptr %pool, i64 ${get_affinity}
  %get = load ptr, ptr %get_at
  %process = call i32 @getpid()
  %refused = call i32 %get(i32 %process, i64 128, ptr %mask)
  %given = icmp eq i32 %refused, 0
  br i1 %given, label %narrow, label %leave
narrow:
  %word = lshr i64 %cpu, 6
  %bit = and i64 %cpu, 63
  %one = shl i64 1, %bit
  %other = xor i64 %one, -1
  %word_at = getelementptr i64, ptr %mask, i64 %word
  %whole = load i64, ptr %word_at
  %rest = and i64 %whole, %other
  store i64 %rest, ptr %word_at
  %set_at = getelementptr i64, ptr %pool, i64 ${set_affinity}
  %set = load ptr, ptr %set_at
  %alone = call i32 %set(i32 0, i64 128, ptr %mask)
  br label %leave
leave:
  ret i64 %now
stay:
  ret i64 %moved
}

; What a thread of the pool does all its life. It treats denormals as those do whose parts
; it takes.
define void @tulle_worker(ptr %pool) {
  %sleepers_at = getelementptr i64, ptr %pool, i64 ${sleepers}
  %mutex_at = getelementptr i64, ptr %pool, i64 ${mutex}
  %mutex = load ptr, ptr %mutex_at
  %condition_at = getelementptr i64, ptr %pool, i64 ${condition}
  %condition = load ptr, ptr %condition_at
  br label %work
work:
  %moved = phi i64 [ 0, %0 ], [ %last_move, %spin ], [ %last_move, %rise ]
  %last_move = call i64 @tulle_apart(ptr %pool, i64 %moved)
  %seen = call i64 @tulle_work(ptr %pool)
  br label %spin
spin:
  %turn = phi i64 [ 0, %work ], [ %more, %pause ]
  %now = load atomic i64, ptr %pool acquire, align 8
  %news = icmp ne i64 %now, %seen
  br i1 %news, label %work, label %patience
patience:
  %more = add i64 %turn, 1
  %tired = icmp ugt i64 %more, ${spins}
  br i1 %tired, label %sleep, label %pause
pause:
  ${pause}
  br label %spin
sleep:
  call i32 @pthread_mutex_lock(ptr %mutex)
  %up = atomicrmw add ptr %sleepers_at, i64 1 seq_cst
  %last = load atomic i64, ptr %pool seq_cst, align 8
  %quiet = icmp eq i64 %last, %seen
  br i1 %quiet, label %rest, label %rise
rest:
  call i32 @pthread_cond_wait(ptr %condition, ptr %mutex)
  br label %rise
rise:
  %down = atomicrmw sub ptr %sleepers_at, i64 1 seq_cst
  call i32 @pthread_mutex_unlock(ptr %mutex)
  br label %work
}

; Runs a table of commands, one after the other; stops with 1 after one that has set its
; flag.
define i64 @tulle_commands(ptr %pool, ptr %commands, i64 %count) {
  %workers_at = getelementptr i64, ptr %pool, i64 ${workers}
  %workers = load i64, ptr %workers_at
  %single = icmp eq i64 %workers, 0
  br label %head
head:
  %index = phi i64 [ 0, %0 ], [ %next, %tail ]
  %ended = icmp uge i64 %index, %count
  br i1 %ended, label %leave, label %body
body:
  %word = shl i64 %index, 3
  %at = getelementptr i64, ptr %commands, i64 %word
  %entry = load ptr, ptr %at
  %args_at = getelementptr i64, ptr %at, i64 1
  %args = load ptr, ptr %args_at
  %total_at = getelementptr i64, ptr %at, i64 2
  %total = load i64, ptr %total_at
  %grain_at = getelementptr i64, ptr %at, i64 3
  %grain = load i64, ptr %grain_at
  %small = icmp ule i64 %total, %grain
  %direct = or i1 %small, %single
  br i1 %direct, label %one, label %many
one:
  call void %entry(ptr %args, i64 0, i64 %total)
  br label %after
many:
  call void @tulle_parallel(ptr %pool, ptr %entry, ptr %args, i64 %total, i64 %grain)
  br label %after
after:
  %flag_at = getelementptr i64, ptr %at, i64 4
  %flag = load ptr, ptr %flag_at
  %checked = icmp ne ptr %flag, null
  br i1 %checked, label %check, label %tail
check:
  %fault = load i64, ptr %flag
  %stops = icmp ne i64 %fault, 0
  br i1 %stops, label %leave, label %tail
tail:
  %next = add i64 %index, 1
  br label %head
leave:
  %status = phi i64 [ 0, %head ], [ 1, %check ]
  ret i64 %status
}

; Puts the addresses of inputs in their places, then runs a table with a BLAS of one thread
; and, where that is asked for, with denormals flushed, and leaves both as they were.
define i64 @tulle_run(ptr %pool, ptr %commands, i64 %count, ptr %patches, i64 %places,
                       ptr %inputs, i64 %flushes) {
  %mode = call i64 @tulle_float_mode()
  %asked = icmp ne i64 %flushes, 0
  %flush = select i1 %asked, i64 ${flush}, i64 0
  %flushing = or i64 %mode, %flush
  call void @tulle_set_float_mode(i64 %flushing)
  %get_at = getelementptr i64, ptr %pool, i64 ${get_threads}
  %get = load ptr, ptr %get_at
  %set_at = getelementptr i64, ptr %pool, i64 ${set_threads}
  %set = load ptr, ptr %set_at
  %known = icmp ne ptr %get, null
  br i1 %known, label %ask, label %patch
ask:
  %threads = call i32 %get()
  %several = icmp ne i32 %threads, 1
  br i1 %several, label %cap, label %patch
cap:
  call void %set(i32 1)
  br label %patch
patch:
  %capped = phi i32 [ 1, %0 ], [ 1, %ask ], [ %threads, %cap ]
  br label %head
head:
  %index = phi i64 [ 0, %patch ], [ %next, %body ]
  %ended = icmp uge i64 %index, %places
  br i1 %ended, label %go, label %body
body:
  %word = mul i64 %index, 3
  %at = getelementptr i64, ptr %patches, i64 %word
  %slot = load ptr, ptr %at
  %which_at = getelementptr i64, ptr %at, i64 1
  %which = load i64, ptr %which_at
  %offset_at = getelementptr i64, ptr %at, i64 2
  %offset = load i64, ptr %offset_at
  %input_at = getelementptr i64, ptr %inputs, i64 %which
  %input = load i64, ptr %input_at
  %address = add i64 %input, %offset
  store i64 %address, ptr %slot
  %next = add i64 %index, 1
  br label %head
go:
  %status = call i64 @tulle_commands(ptr %pool, ptr %commands, i64 %count)
  %back = icmp ne i32 %capped, 1
  br i1 %back, label %restore, label %leave
restore:
  call void %set(i32 %capped)
  br label %leave
leave:
  call void @tulle_set_float_mode(i64 %mode)
  ret i64 %status
}

; A loop of `stop` stripes at most: the last one has its words in args, after eight that say
; how the others follow from theirs. A stripe's words begin with pool, turns, patches, their
; count, a table, its length, a flag that is set in args when a command of any stripe has set
; its own, and how many commands of the table run once, before all turns. A patch is a slot
; that gets an address before each turn: (slot, base, stride, 0) means base + turn * stride,
; (slot, one, two, 1) means one and two by turns.
define void @tulle_loop(ptr %args, i64 %start, i64 %stop) {
  %others = load i64, ptr %args
  %last = getelementptr i64, ptr %args, i64 8
  br label %head
head:
  %index = phi i64 [ %start, %0 ], [ %next, %turns ], [ %next, %fault ]
  %ended = icmp uge i64 %index, %stop
  br i1 %ended, label %leave, label %body
body:
  %other = icmp ult i64 %index, %others
  br i1 %other, label %copy, label %turns
copy:
  %copied = call ptr @tulle_stripe(ptr %args, i64 %index)
  br label %turns
turns:
  %at = phi ptr [ %copied, %copy ], [ %last, %body ]
  %status = call i64 @tulle_turns(ptr %at)
  %next = add i64 %index, 1
  %stops = icmp ne i64 %status, 0
  br i1 %stops, label %fault, label %head
fault:
  %flag_at = getelementptr i64, ptr %last, i64 6
  store i64 1, ptr %flag_at
  br label %head
leave:
  ret void
}

; Writes the words of a stripe by its number, in memory of its own. args are how many there
; are, the words of the first, how many of them, memory, the bytes of it that each has, and
; pairs of a word and what is added to it from one stripe to the next, with their count.
define ptr @tulle_stripe(ptr %args, i64 %number) {
  %words_at = getelementptr i64, ptr %args, i64 1
  %words = load ptr, ptr %words_at
  %length_at = getelementptr i64, ptr %args, i64 2
  %length = load i64, ptr %length_at
  %memory_at = getelementptr i64, ptr %args, i64 3
  %memory = load ptr, ptr %memory_at
  %bytes_at = getelementptr i64, ptr %args, i64 4
  %bytes = load i64, ptr %bytes_at
  %steps_at = getelementptr i64, ptr %args, i64 5
  %steps = load ptr, ptr %steps_at
  %count_at = getelementptr i64, ptr %args, i64 6
  %count = load i64, ptr %count_at
  %before = mul i64 %number, %bytes
  %found = getelementptr i8, ptr %memory, i64 %before
  br label %head
head:
  %index = phi i64 [ 0, %0 ], [ %next, %copy ]
  %copied = icmp uge i64 %index, %length
  br i1 %copied, label %look, label %copy
copy:
  %from = getelementptr i64, ptr %words, i64 %index
  %word = load i64, ptr %from
  %to = getelementptr i64, ptr %found, i64 %index
  store i64 %word, ptr %to
  %next = add i64 %index, 1
  br label %head
look:
  %pair = phi i64 [ 0, %head ], [ %later, %step ]
  %stepped = icmp uge i64 %pair, %count
  br i1 %stepped, label %leave, label %step
step:
  %twice = shl i64 %pair, 1
  %pair_at = getelementptr i64, ptr %steps, i64 %twice
  %place = load i64, ptr %pair_at
  %more_at = getelementptr i64, ptr %pair_at, i64 1
  %more = load i64, ptr %more_at
  %way = mul i64 %number, %more
  %slot = getelementptr i64, ptr %found, i64 %place
  %old = load i64, ptr %slot
  %new = add i64 %old, %way
  store i64 %new, ptr %slot
  %later = add i64 %pair, 1
  br label %look
leave:
  ret ptr %found
}

define i64 @tulle_turns(ptr %args) {
  %pool = load ptr, ptr %args
  %turns_at = getelementptr i64, ptr %args, i64 1
  %turns = load i64, ptr %turns_at
  %patches_at = getelementptr i64, ptr %args, i64 2
  %patches = load ptr, ptr %patches_at
  %places_at = getelementptr i64, ptr %args, i64 3
  %places = load i64, ptr %places_at
  %table_at = getelementptr i64, ptr %args, i64 4
  %table = load ptr, ptr %table_at
  %length_at = getelementptr i64, ptr %args, i64 5
  %length = load i64, ptr %length_at
  %once_at = getelementptr i64, ptr %args, i64 7
  %once = load i64, ptr %once_at
  %ready = call i64 @tulle_commands(ptr %pool, ptr %table, i64 %once)
  %skipped = shl i64 %once, 3
  %commands = getelementptr i64, ptr %table, i64 %skipped
  %count = sub i64 %length, %once
  br label %head
head:
  %turn = phi i64 [ 0, %0 ], [ %later, %run ]
  %ended = icmp uge i64 %turn, %turns
  br i1 %ended, label %leave, label %patch
patch:
  %index = phi i64 [ 0, %head ], [ %next, %place ]
  %placed = icmp uge i64 %index, %places
  br i1 %placed, label %run, label %place
place:
  %word = shl i64 %index, 2
  %at = getelementptr i64, ptr %patches, i64 %word
  %slot = load ptr, ptr %at
  %base_at = getelementptr i64, ptr %at, i64 1
  %base = load i64, ptr %base_at
  %stride_at = getelementptr i64, ptr %at, i64 2
  %stride = load i64, ptr %stride_at
  %kind_at = getelementptr i64, ptr %at, i64 3
  %kind = load i64, ptr %kind_at
  %way = mul i64 %turn, %stride
  %along = add i64 %base, %way
  %phase = and i64 %turn, 1
  %odd = icmp ne i64 %phase, 0
  %other = select i1 %odd, i64 %stride, i64 %base
  %turns_about = icmp ne i64 %kind, 0
  %address = select i1 %turns_about, i64 %other, i64 %along
  store i64 %address, ptr %slot
  %next = add i64 %index, 1
  br label %patch
run:
  %status = call i64 @tulle_commands(ptr %pool, ptr %commands, i64 %count)
  %later = add i64 %turn, 1
  %stops = icmp ne i64 %status, 0
  br i1 %stops, label %leave, label %head
leave:
  %found = phi i64 [ 0, %head ], [ 1, %run ]
  ret i64 %found
}
