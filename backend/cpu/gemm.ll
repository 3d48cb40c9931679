; Products of matrices by a BLAS of ${type}.
; `gemm.py` says what the words are. A unit is a part of one product of a batch.

define private void @offsets(ptr %dims, i64 %rank, i64 %number, ptr %found) {
  %b_at = getelementptr i64, ptr %found, i64 1
  %c_at = getelementptr i64, ptr %found, i64 2
  store i64 0, ptr %found
  store i64 0, ptr %b_at
  store i64 0, ptr %c_at
  br label %head
head:
  %axis = phi i64 [ %rank, %0 ], [ %outer, %body ]
  %rest = phi i64 [ %number, %0 ], [ %left, %body ]
  %ended = icmp eq i64 %axis, 0
  br i1 %ended, label %leave, label %body
body:
  %outer = sub i64 %axis, 1
  %word = shl i64 %outer, 2
  %at = getelementptr i64, ptr %dims, i64 %word
  %size = load i64, ptr %at
  %index = urem i64 %rest, %size
  %left = udiv i64 %rest, %size
  %sa_at = getelementptr i64, ptr %at, i64 1
  %sa = load i64, ptr %sa_at
  %sb_at = getelementptr i64, ptr %at, i64 2
  %sb = load i64, ptr %sb_at
  %sc_at = getelementptr i64, ptr %at, i64 3
  %sc = load i64, ptr %sc_at
  %da = mul i64 %index, %sa
  %db = mul i64 %index, %sb
  %dc = mul i64 %index, %sc
  %a0 = load i64, ptr %found
  %b0 = load i64, ptr %b_at
  %c0 = load i64, ptr %c_at
  %a1 = add i64 %a0, %da
  %b1 = add i64 %b0, %db
  %c1 = add i64 %c0, %dc
  store i64 %a1, ptr %found
  store i64 %b1, ptr %b_at
  store i64 %c1, ptr %c_at
  br label %head
leave:
  ret void
}

define void @tulle_gemm_${short}(ptr %args, i64 %start, i64 %stop) {
  %found = alloca [3 x i64]
  %place = alloca [8 x i32]
  %scale = alloca [2 x ${type}]
  %alpha = getelementptr ${type}, ptr %scale, i64 0
  %beta = getelementptr ${type}, ptr %scale, i64 1
  store ${type} 1.0, ptr %alpha
  store ${type} 0.0, ptr %beta
  %function = load ptr, ptr %args
  %tb = getelementptr i64, ptr %args, i64 1
  %ta = getelementptr i64, ptr %args, i64 2
  ${load_words}
  %m_at = getelementptr i32, ptr %place, i64 0
  %n_at = getelementptr i32, ptr %place, i64 1
  %k_at = getelementptr i32, ptr %place, i64 2
  %lda_at = getelementptr i32, ptr %place, i64 3
  %ldb_at = getelementptr i32, ptr %place, i64 4
  %ldc_at = getelementptr i32, ptr %place, i64 5
  %k32 = trunc i64 %k to i32
  %lda32 = trunc i64 %lda to i32
  %ldb32 = trunc i64 %ldb to i32
  %ldc32 = trunc i64 %ldc to i32
  store i32 %k32, ptr %k_at
  store i32 %lda32, ptr %lda_at
  store i32 %ldb32, ptr %ldb_at
  store i32 %ldc32, ptr %ldc_at
  %dims = getelementptr i64, ptr %args, i64 ${dims}
  %b_off_at = getelementptr i64, ptr %found, i64 1
  %c_off_at = getelementptr i64, ptr %found, i64 2
  %rows = icmp eq i64 %along, 0
  br label %head
head:
  %unit = phi i64 [ %start, %0 ], [ %next, %body ]
  %left = icmp ult i64 %unit, %stop
  br i1 %left, label %body, label %leave
body:
  %number = udiv i64 %unit, %parts
  %part = urem i64 %unit, %parts
  call void @offsets(ptr %dims, i64 %rank, i64 %number, ptr %found)
  %first = mul i64 %part, %length
  %whole = select i1 %rows, i64 %m, i64 %n
  %remaining = sub i64 %whole, %first
  %short = icmp slt i64 %remaining, %length
  %size = select i1 %short, i64 %remaining, i64 %length
  %mp = select i1 %rows, i64 %size, i64 %m
  %np = select i1 %rows, i64 %n, i64 %size
  %m32 = trunc i64 %mp to i32
  %n32 = trunc i64 %np to i32
  store i32 %m32, ptr %m_at
  store i32 %n32, ptr %n_at
  %a_way = mul i64 %first, %a_step
  %b_way = mul i64 %first, %b_step
  %c_row = mul i64 %first, %ldc
  %a_part = select i1 %rows, i64 %a_way, i64 0
  %b_part = select i1 %rows, i64 0, i64 %b_way
  %c_part = select i1 %rows, i64 %c_row, i64 %first
  %a_off = load i64, ptr %found
  %b_off = load i64, ptr %b_off_at
  %c_off = load i64, ptr %c_off_at
  %ai = add i64 %a_off, %a_part
  %bi = add i64 %b_off, %b_part
  %ci = add i64 %c_off, %c_part
  %ap = getelementptr ${type}, ptr %a, i64 %ai
  %bp = getelementptr ${type}, ptr %b, i64 %bi
  %cp = getelementptr ${type}, ptr %c, i64 %ci
  call void %function(ptr %tb, ptr %ta, ptr %n_at, ptr %m_at, ptr %k_at, ptr %alpha,
                      ptr %bp, ptr %ldb_at, ptr %ap, ptr %lda_at, ptr %beta, ptr %cp,
                      ptr %ldc_at)
  %next = add i64 %unit, 1
  br label %head
leave:
  ret void
}
